"""A thirteenth method and a fifth domain: registered, they have all that the others have, with nothing else touched."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import pytest

import remdm.domains
from remdm import cli
from remdm.app import scaling
from remdm.app.page import page
from remdm.domains import registry
from remdm.evaluation.sweeps import results
from remdm.runs.trace_file import load
from remdm.sampling import parts
from remdm.sampling.knobs import check, knob, knobs
from remdm.sampling.presets import METHODS, Method
from remdm.views.curves import look

HERE = Path(__file__).parent / "newcomers"
CACHED = (registry.measurements, registry.tabs)


@dataclass(frozen=True)
class Fading:
    """Remask with a probability that fades as time runs out."""

    fade: float = knob(0.3, 0, 1, label="Fading", symbol="f", help="The chance at the start.")

    def __post_init__(self) -> None:
        check(self)

    def sigma(self, step, state, score) -> float:
        return self.fade * step.t


@pytest.fixture(scope="module", autouse=True)
def registered():
    """A rule with a row and a row of METHODS; a folder among the domains and its name in the registry."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(parts.RULES, "fading", parts.Part("fading", "Fades with time.", Fading, knobs(Fading)))
        patch.setitem(METHODS, "newcomer", Method("newcomer", "Newcomer", "these tests", rule="fading"))
        patch.setattr(remdm.domains, "__path__", [*remdm.domains.__path__, str(HERE)])
        patch.setattr(registry, "NAMES", (*registry.NAMES, "beads"))
        importlib.invalidate_caches()
        for each in CACHED:
            each.cache_clear()
        patch.setitem(registry.DOMAINS, "beads", registry.role("beads", "domain").DOMAIN)
        yield
    for each in CACHED:
        each.cache_clear()
    for name in [name for name in sys.modules if name.startswith("remdm.domains.beads")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def built(registered) -> dict[str, dict]:
    """Every component of the page by its element's id."""
    made = page(registry.DOMAINS, registry.measurements(), registry.tabs())
    parts = [component["props"] for component in made.get_config_file()["components"]]
    return {each["elem_id"]: each for each in parts if each.get("elem_id")} | {
        f"tab {each['label']}": each for each in parts if "label" in each and each.get("id")
    }


# The method


def test_the_method_has_a_command_and_its_knob_a_flag(tmp_path):
    out = tmp_path / "run.json"
    cli.main(["sample", "countdown", "--sampler", "newcomer", "--fade", "0.9", "--steps", "12", "--out", str(out)])
    trace = load(out)
    assert trace.run["sampler"] == "newcomer" and trace.run["settings"]["fade"] == 0.9
    assert trace.steps[0].sigma == pytest.approx(min(0.9, trace.steps[0].sigma_max))


def test_a_value_out_of_range_is_refused_by_the_flags_name(capsys):
    with pytest.raises(SystemExit):
        cli.main(["sample", "countdown", "--sampler", "newcomer", "--fade", "2"])
    assert "fade must lie between 0 and 1, got 2" in capsys.readouterr().err


@pytest.mark.parametrize("domain", ("text", "image", "molecule", "countdown", "beads"))
def test_the_method_is_in_every_list_of_the_page_and_its_knob_is_a_slider(built, domain):
    assert ["Newcomer", "newcomer"] in [list(each) for each in built[f"{domain}-sampler"]["choices"]]
    assert ["Newcomer", "newcomer"] in [list(each) for each in built[f"{domain}-lane-0"]["choices"]]
    slider = built[f"{domain}-fade"]
    assert (slider["label"], slider["minimum"], slider["maximum"], slider["value"]) == ("Fading · f", 0, 1, 0.3)
    assert not slider["visible"], "it applies to the newcomer alone"
    assert ["fading", "fading"] in [list(each) for each in built[f"{domain}-rule"]["choices"]]


def test_the_theorem_is_about_the_method_too(built):
    assert ["Newcomer", "newcomer"] in [list(each) for each in built["theory-sampler"]["choices"]]


def test_the_method_has_a_colour_and_mark_of_its_own_in_the_charts():
    looks = [look(place) for place, _ in enumerate(METHODS)]
    assert len(set(looks)) == len(METHODS)


# A sweep, by the method in the domain, and what is made of it


def test_a_sweep_of_the_domain_is_drawn_printed_and_charted(tmp_path, capsys):
    cli.main(["evaluate", "beads", "--samplers", "mdlm", "newcomer", "--set", "newcomer:fade=0.5", "--steps", "4", "8",
              "--samples", "6", "--out", str(tmp_path)])  # fmt: skip
    rows = results.read(tmp_path / "beads.csv")
    assert [(row["sampler"], row["steps"], row["samples"]) for row in rows] == [
        ("mdlm", "4", "6"), ("newcomer", "4", "6"), ("mdlm", "8", "6"), ("newcomer", "8", "6"),
    ]  # fmt: skip
    assert "| newcomer |" in capsys.readouterr().out
    with gr.Blocks(), gr.Tabs(), gr.Tab("Scaling") as opened:
        tab = scaling.Scaling(opened, registry.DOMAINS, registry.measurements(), tmp_path)
    chosen = {"domain": "beads", "measure": "fair", "condition": "beads", "samplers": ["mdlm", "newcomer"],
              "changed": True, "kept": {}}  # fmt: skip
    shown = tab.shown({getattr(tab, name): value for name, value in chosen.items()})
    assert "Newcomer" in str(shown[tab.chart].value) and "Newcomer" in shown[tab.table]


@pytest.mark.parametrize("domain", ("text", "image", "molecule", "countdown"))
def test_every_domain_sweeps_the_method(domain):
    kind = registry.measurements()[domain]
    cell = kind.cell("newcomer", 8)
    assert cell.settings.values["fade"] == 0.3
    args = ["evaluate", domain, "--samplers", "newcomer"]
    assert cli.parser(args).parse_args(args).samplers == ["newcomer"]


# The domain


def test_the_domain_has_a_tab_with_what_it_brings(built):
    assert {"beads-run", "beads-player", "beads-steps", "beads-more", "tab Beads"} <= built.keys()
    assert ["Beads", "beads"] in [list(each) for each in built["scaling-domain"]["choices"]]


def test_the_domain_has_commands(tmp_path):
    out = tmp_path / "run.json"
    cli.main(["sample", "beads", "--sampler", "remdm-cap", "--steps", "6", "--prompt", "red", "--out", str(out)])
    trace = load(out)
    assert trace.run["domain"] == "beads" and trace.text.startswith("red") and len(trace.final) == 8
    assert trace.mask_id not in trace.final
    cli.main(["train", "beads", "--minutes", "1", "--folder", str(tmp_path / "beads")])
    assert (tmp_path / "beads" / "model.safetensors").is_file()
    args = ["tune", "beads"]
    assert cli.parser(args).parse_args(args).domain == "beads"
