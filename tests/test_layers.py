"""Imports point one way: between the folders of remdm/, and between the roles inside a domain; nowhere a circle."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = (
    "paths", "limits", "later", "sampling", "models", "hub", "runs", "training", "serving", "views", "evaluation",
    "app", "domains", "studies", "cli", "__main__",
)  # fmt: skip
ROLES = ("domain", "train", "measure", "tab")
"""Of a domain's modules, in the order in which they may import each other; any other module stands before `domain`
unless it imports one of them."""
FILES = sorted(ROOT.glob("remdm/**/*.py"))
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}


def imported(path):
    """Full names of all modules that a file imports: at its top, inside functions, and for types alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


@cache
def own(module):
    """The modules of this project that a module imports."""
    return {name for name in imported(MODULES[module]) if name in MODULES and name != module} - {"remdm"}


def folder(module):
    return module.split(".")[1]


EACH = pytest.mark.parametrize("module", [name for name in MODULES if name != "remdm"])


@EACH
def test_folders_import_only_what_stands_before_them(module):
    here = ORDER.index(folder(module))
    above = [name for name in own(module) if ORDER.index(folder(name)) > here]
    assert not above, f"{module} must not import {above}"


@EACH
def test_no_domain_imports_another_and_only_the_registry_names_them(module):
    parts = module.split(".")
    for name in own(module):
        found = name.split(".")
        if found[1] == "domains" and len(found) > 2 and found[2] != "registry":
            assert parts[1] in ("studies", "cli") or parts[:3] == found[:3], f"{module} must not import {name}"


@EACH
def test_roles_inside_a_domain_point_one_way(module):
    role = module.split(".")[-1]
    if folder(module) == "domains" and role in ROLES:
        above = [name for name in own(module) if name.split(".")[-1] in ROLES[ROLES.index(role) + 1 :]]
        assert not above, f"{module} must not import {above}"


def test_there_is_no_circle():
    """Also none hidden in a function or under TYPE_CHECKING."""
    left = {module: own(module) for module in MODULES}
    while free := {module for module, needed in left.items() if not needed & left.keys()}:
        left = {module: needed for module, needed in left.items() if module not in free}
    assert not left, f"these import each other: {sorted(left)}"


@EACH
def test_only_the_page_knows_gradio(module):
    roots = {name.split(".")[0] for name in imported(MODULES[module])}
    page = folder(module) == "app" or (folder(module) == "domains" and module.endswith(".tab"))
    assert page or not roots & {"gradio", "gradio_client", "fastapi"}


SHOWN = {f"remdm.{name}" for name in ("later", "runs.tokens", "runs.trace", "runs.trace_file", "runs.untrusted")}


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("remdm.views.") or name in SHOWN])
def test_what_is_shown_needs_no_network(module):
    roots = {name.split(".")[0] for name in imported(MODULES[module])}
    assert not roots & {"torch", "transformers", "safetensors"}
    assert {name for name in own(module) if not name.startswith("remdm.views.")} <= SHOWN | {"remdm.views"}


def test_the_order_names_what_there_is():
    assert {folder(module) for module in MODULES if module != "remdm"} == set(ORDER)


MOST_LINES = 300


@pytest.mark.parametrize("module", [name for name in MODULES if not name.startswith("remdm.models")])
def test_a_module_can_be_read_at_one_sitting(module):
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= MOST_LINES
