"""Imports point one way: each module may use those before it in this list, and nothing after."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = (
    "knobs", "schedule", "grid", "state", "posterior", "remasking", "categorical", "coupling", "denoiser", "guidance",
    "transition", "sampler", "methods", "nelbo", "trace", "frames", "data", "models", "checkpoints", "hub",
    "training", "evaluation.stories", "evaluation.countdown_checker", "domains", "recording", "inspecting",
    "evaluation", "serving", "views", "evaluation.bench", "tabs", "cli", "__main__", "app",
)  # fmt: skip
FILES = sorted([*ROOT.glob("remdm/**/*.py"), ROOT / "app.py"])


def place(dotted):
    """The entry of ORDER that a module inside remdm belongs to; its first name where there is none."""
    first, second = [*dotted.split("."), ""][:2]
    return f"{first}.{second}" if f"{first}.{second}" in ORDER else first


def layer(path):
    """As `place`, of a file; None for the file map, remdm/__init__.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if len(parts) == 1 else None if parts[1] == "__init__" else place(".".join(parts[1:]))


def own(path):
    """The entries of ORDER that a file imports."""
    return {place(name.removeprefix("remdm.")) for name in imported(path) if name.startswith("remdm.")}


def imported(path):
    """Full names of all modules that a file imports, at its top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield from (
                [f"remdm.{alias.name}" for alias in node.names] if node.module == "remdm" else [node.module or ""]
            )


def named(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=named)
def test_imports_point_down(path):
    here = layer(path)
    if here is None:
        assert not own(path), "the file map imports nothing"
        return
    assert here in ORDER, f"give {here} its place in ORDER"
    above = [name for name in own(path) if ORDER.index(name) > ORDER.index(here)]
    assert not above, f"{here} must not import {above}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_only_the_page_knows_gradio(path):
    roots = {name.split(".")[0] for name in imported(path)}
    assert layer(path) in ("tabs", "app") or not roots & {"gradio", "gradio_client", "fastapi"}


@pytest.mark.parametrize("path", [path for path in FILES if layer(path) in ("views", "trace", "data")], ids=named)
def test_what_is_shown_needs_no_network(path):
    roots = {name.split(".")[0] for name in imported(path)}
    assert not roots & {"torch", "transformers", "safetensors"}


def test_views_know_traces_and_no_sampler():
    assert set().union(*(own(path) for path in FILES if layer(path) == "views")) <= {"trace", "views"}


def test_the_order_names_what_there_is():
    there = {layer(path) for path in FILES} - {None}
    assert there == set(ORDER)
