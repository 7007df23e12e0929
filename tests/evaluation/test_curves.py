"""Quality against network calls: points of a results file, a measurement of one's own, the best known for a T."""

import json
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from result_rows import row, write
from torch.nn import Linear

from remdm.app.scaling import Scaling
from remdm.app.workbench.recommended import Recommended
from remdm.app.workbench.settings import Panel
from remdm.domains import registry
from remdm.domains.registry import DOMAINS
from remdm.evaluation import curves
from remdm.evaluation.measurement import Bench, Measure, Measurement
from remdm.evaluation.metrics.statistics import wilson
from remdm.evaluation.sweeps import results
from remdm.evaluation.sweeps.samples import Free
from remdm.evaluation.tuning import recommended
from remdm.models.ideal import letters
from remdm.models.network import compute
from remdm.sampling.methods import settings
from remdm.sampling.presets import METHODS
from remdm.views.curves import figure, front, look, table

KINDS = registry.measurements()
TEXT, CORRECT = KINDS["text"], Measure("correct", "Correct sentences", share=True)


# Points


def test_points_are_of_the_newest_weights_and_of_one_condition():
    rows = [
        row("remdm-cap", 40, 0.1, model_hash="old"), row("remdm-cap", 40, 0.7), row("mdlm", 40, 0.6, model="prose"),
        row("data", 0, 0.99), row("remdm-cap", 40, 0.9, overrides="eta=0.5"),
    ]  # fmt: skip
    found = curves.points(TEXT, rows, CORRECT, "stories")
    assert [(each.label, each.forwards, each.value.value, each.n) for each in found] == [
        ("ReMDM-cap", 39, 0.7, 64), ("ReMDM-cap (eta=0.5)", 39, 0.9, 64),
    ]  # fmt: skip
    assert curves.data(TEXT, rows, CORRECT, "stories") == 0.99
    assert curves.conditions(TEXT, rows) == ["stories", "prose"]


def test_three_seeds_have_an_interval_over_them_and_two_the_mean_of_theirs():
    rows = [row("mdlm", 40, value, seed=seed) for seed, value in enumerate((0.5, 0.6, 0.7))]
    three, two = (curves.points(TEXT, some, CORRECT, "stories")[0] for some in (rows, rows[:2]))
    assert (three.value.value, three.n) == (pytest.approx(0.6), 192)
    assert three.value.high - 0.6 == pytest.approx(4.302653 * 0.1 / 3**0.5)
    assert (two.value.low, two.value.high) == (pytest.approx(0.53), pytest.approx(0.57))


def test_what_a_domain_gives_a_sampler_needs_no_mention():
    made = {"sampler": "remdm-rescale", "overrides": "eta=0.05,nucleus_p=1.0,temperature=0.8"}
    assert curves.changes(KINDS["image"], made) == ""
    changed = {**made, "overrides": "eta=0.1,nucleus_p=1.0,temperature=0.8,guidance_scale=2"}
    assert curves.changes(KINDS["image"], changed) == "eta=0.1"


@pytest.mark.parametrize("name", KINDS)
def test_every_shipped_file_can_be_shown(name):
    kind, rows = KINDS[name], results.read(Path("assets/results") / KINDS[name].file)
    assert rows and curves.conditions(kind, rows)[0] == kind.own
    for measure in kind.measures:
        found = curves.points(kind, rows, measure, kind.own)
        assert found, f"no {measure.column} in {kind.file}"
        assert all(each.value.low <= each.value.value <= each.value.high and each.n > 0 for each in found)
        drawn = figure(found, [], tuple(METHODS), measure.title, measure.share)
        lines = [line for line in drawn.data if line.name != "best for its cost"]
        assert sum(len(line.x) for line in lines) == len(found)


def test_no_two_samplers_look_alike_and_what_is_yours_is_hollow():
    assert len({look(place) for place in range(len(METHODS))}) == len(METHODS)
    found = curves.points(TEXT, [row("mdlm", 40, 0.6), row("mdlm", 80, 0.7)], CORRECT, "stories")
    drawn = figure(found, found[:1], tuple(METHODS), "x", True)
    band, line, yours = drawn.data
    assert [line.marker.symbol, yours.marker.symbol] == ["circle", "circle-open"]
    assert list(line.x) == list(band.x) == [39, 79] and list(line.y) == list(band.y) == [60, 70]
    shown = table(found, found[:1], "Correct", True)
    assert "yours: MDLM" in shown and "60.0% (58.0 to 62.0)" in shown and shown.count("<td>64</td>") == 3


def test_the_front_leaves_out_what_is_dearer_and_no_better():
    rows = [
        row("mdlm", 40, 0.6),
        row("mdlm", 80, 0.5),
        row("fb", 80, 0.6),
        row("remdm-cap", 80, 0.8),
        row("dfm", 160, 0.9),
    ]
    found = curves.points(TEXT, rows, CORRECT, "stories")
    assert [(each.sampler, each.steps) for each in front(found)] == [("mdlm", 40), ("remdm-cap", 80), ("dfm", 160)]
    assert [(each.sampler, each.steps) for each in front(found, lower=True)] == [("mdlm", 40), ("mdlm", 80)]


# A measurement of one's own


def toy() -> Measurement:
    """Five-letter words, two draws a cell; a word is right if it is in the language."""
    language = letters()
    known = {tuple(each) for each in language.sequences.tolist()}

    def score(groups):
        rows = [tuple(each) for group in groups for each in group.tokens.tolist()]
        return {"correct": wilson(sum(each in known for each in rows), len(rows))}

    class Toy(type(TEXT)):
        batch = 3

        def open(self, args):
            def draws(cell):
                return [Free(language, replace(cell, seed=cell.seed + k), 5) for k in (0, 1)]

            loaded = SimpleNamespace(denoiser=SimpleNamespace(network=Linear(2, 2)), length=5, compute=compute("cpu"))
            return [Bench("toy", "0", loaded, draws, lambda cell, groups: score(groups))]

    return Toy()


def test_a_measurement_goes_on_where_it_stopped_and_comes_to_the_same():
    kind, halt = toy(), threading.Event()
    whole = list(curves.more(kind, curves.begin(kind, "remdm-cap", 12), 16, halt))
    assert [len(each) for each in whole] == [6, 12, 16]
    *_, part = curves.more(kind, curves.begin(kind, "remdm-cap", 12), 6, halt)
    *_, rest = curves.more(kind, part, 10, halt)
    assert all((one.tokens == other.tokens).all() for one, other in zip(rest.groups, whole[-1].groups, strict=True))
    point = rest.point(CORRECT)
    assert point.n == 16 and 0 < point.forwards <= 12 and point.value.low < point.value.value
    assert rest.point(Measure("judge_perplexity", "Perplexity")) is None


def test_stop_ends_it_within_a_step_and_keeps_what_was_drawn():
    kind, halt = toy(), threading.Event()
    running = curves.more(kind, curves.begin(kind, "mdlm", 12), 100, halt)
    kept = next(running)
    halt.set()
    assert len(kept) == 6 and next(running, None) is None


def test_settings_that_will_not_do_are_refused_before_anything_is_drawn():
    with pytest.raises(ValueError, match="steps must"):
        curves.begin(toy(), "mdlm", 0)


# The tab


@pytest.fixture
def tab(tmp_path, monkeypatch):
    monkeypatch.setitem(KINDS, "text", toy())
    with gr.Blocks(), gr.Tabs(), gr.Tab("Scaling") as opened:
        return Scaling(opened, DOMAINS, KINDS, tmp_path)


def asked(tab, **chosen):
    """The values of the tab's controls, some of them chosen."""
    usual = {
        "domain": "text",
        "measure": "correct",
        "condition": "stories",
        "samplers": [],
        "changed": False,
        "kept": {},
    }
    return {getattr(tab, name): value for name, value in (usual | chosen).items()}


def measured(tab, **chosen):
    """The last change of each part of the page when a cell is measured."""
    last: dict = {}
    run = tab.controls.guarded(tab.measured)
    for change in run({tab.controls.ticket: None, **asked(tab, sampler="mdlm", **chosen)}):
        last |= change
    return last


def test_without_results_the_tab_says_so_and_a_cell_of_ones_own_takes_their_place(tab):
    made = tab.of(asked(tab))
    assert "Nothing of this was measured beforehand" in made[tab.notes] and made[tab.chart].visible is False
    last = measured(tab, steps=8, count=9)
    assert last[tab.chart].visible and "yours: MDLM" in last[tab.table] and "<td>10</td>" in last[tab.table]
    last = measured(tab, steps=8, count=2, kept=last[tab.kept])
    assert len(last[tab.kept]) == 1 and "<td>12</td>" in last[tab.table]


def test_rows_that_come_while_the_page_is_open_are_there_when_the_tab_is_opened_again(tab):
    tab.of(asked(tab))
    write(tab.folder, [row("mdlm", 40, 0.6), row("remdm-cap", 40, 0.7)])
    made = tab.opened(asked(tab))
    assert made[tab.samplers].value == ["mdlm", "remdm-cap"] and made[tab.table].count("<tr>") == 3
    some = tab.shown(asked(tab, measure="perfect", samplers=["mdlm"]))
    assert "Nothing of this" in some[tab.notes]


def test_rows_with_other_settings_are_shown_on_request(tab):
    rows = [row("mdlm", 40, 0.6), row("mdlm", 80, 0.7) | {"overrides": "nucleus_p=1.0"}]
    write(tab.folder, rows)
    assert tab.of(asked(tab))[tab.changed].visible
    few, all_ = (tab.shown(asked(tab, samplers=["mdlm"], changed=more))[tab.table] for more in (False, True))
    assert (few.count("<tr>"), all_.count("<tr>")) == (2, 3) and "nucleus_p=1.0" in all_
    write(tab.folder, rows[:1])
    assert tab.of(asked(tab))[tab.changed].visible is False


@pytest.mark.parametrize(("steps", "count"), [(0, 8), (8, 0), (None, 8), (8.5, 8)])
def test_a_measurement_that_will_not_do_is_one_sentence(tab, steps, count):
    with pytest.raises(gr.Error, match="must be a whole number"):
        measured(tab, steps=steps, count=count)


# The best known


def test_the_best_is_the_surest_that_kept_its_variety(tmp_path):
    dull = {"token_entropy": 1.0, "overrides": "eta=0.9"}
    rows = [
        row("mdlm", 80, 0.6), row("remdm-loop", 80, 0.7), row("remdm-cap", 80, 0.8),
        row("remdm-conf", 80, 0.81, correct_low=0.5), row("remdm-cap", 80, 0.99, **dull), row("mdlm", 320, 0.9),
    ]  # fmt: skip
    found = recommended.known(TEXT, 64, "stories", write(tmp_path, rows))
    assert (found.best.sampler, found.best.steps, found.best.value.value) == ("remdm-cap", 80, 0.8)
    assert found.presets["remdm-loop"].value.value == 0.7
    assert found.best.settings(64) == settings("remdm-cap", 64)
    few = [row("remdm-rescale", 40, 0.9), row("mdlm", 40, 0.5)]
    assert recommended.known(TEXT, 64, "stories", write(tmp_path, [*rows, *few])).best.sampler == "remdm-rescale"
    assert recommended.known(TEXT, 30, "stories", tmp_path).best.steps == 40
    write(tmp_path, rows)
    assert recommended.known(TEXT, 20, "stories", tmp_path) is None  # further than a factor of two
    assert recommended.known(TEXT, 320, "stories", tmp_path) is None  # a single sampler is no comparison
    assert recommended.known(TEXT, 64, "prose", tmp_path) is None


def test_of_a_study_only_what_was_drawn_afresh_counts(tmp_path):
    rows = [row("mdlm", 64, 0.6), row("remdm-loop", 64, 0.7)]
    write(tmp_path, rows)
    tuned = {
        **row("remdm-cap", 64, 0.0), "goal": "0.9", "goal_low": "0.85", "goal_high": "0.95", "kept": "yes",
        "variety": "{}", "overrides": "eta=0.2", "settings": json.dumps(settings("remdm-cap", 64, eta=0.2).flat()),
    }  # fmt: skip
    write(tmp_path, [{**tuned, "phase": "trial"}], "tuning-text.csv")
    assert recommended.known(TEXT, 64, "stories", tmp_path).best.sampler == "remdm-loop"
    write(tmp_path, [{**tuned, "phase": "confirmed"}], "tuning-text.csv")
    found = recommended.known(TEXT, 64, "stories", tmp_path).best
    assert (found.sampler, found.changes, found.flat["eta"]) == ("remdm-cap", "eta=0.2", 0.2)
    write(tmp_path, [{**tuned, "phase": "confirmed", "model_hash": "old"}], "tuning-text.csv")
    assert recommended.known(TEXT, 64, "stories", tmp_path).best.sampler == "remdm-loop"


def test_a_distance_is_better_the_smaller_it_is():
    goal = KINDS["image"].objective
    assert goal.merit(20.0) > goal.merit(30.0)
    assert not goal.varied({"score": 4.0}, {"score": 6.0}) and goal.varied({"score": 5.5}, {"score": 6.0})


def test_the_button_sets_every_control_and_says_what_it_is_worth(tmp_path):
    rows = [row("mdlm", 64, 0.6), row("remdm-loop", 64, 0.7), row("remdm-rescale", 64, 0.8)]
    with gr.Blocks():
        panel = Panel(DOMAINS["text"])
        button = Recommended(panel, TEXT, write(tmp_path, rows))
    ask = lambda model, steps, sampler: {panel.model: model, panel.steps: steps, panel.sampler: sampler}
    made = button.chosen(ask("stories", 64, "remdm-loop"))
    values = {**{control: control.value for control in panel.inputs}, panel.steps: 64}
    for control in panel.inputs & made.keys():
        values[control] = made[control]["value"] if isinstance(made[control], dict) else made[control]
    assert panel.requests(values)[0].settings == settings("remdm-rescale", 64)
    assert "**ReMDM-rescale** 80.0% (78.0 to 82.0), n = 64" in made[panel.known]
    assert "ReMDM-loop with the values it comes with: 70.0%" in made[panel.known]
    assert not made[panel.knobs["t_on"]]["visible"]
    assert "the settings stay" in button.chosen(ask("prose", 64, "mdlm"))[panel.known]
    with pytest.raises(ValueError, match="steps must"):
        button.chosen(ask("stories", None, "mdlm"))


def test_the_numbers_of_a_settings_file_come_back_as_they_were():
    flat = json.loads(json.dumps(settings("remdm-loop", 32, eta=0.1).flat()))
    made = recommended.Measured("remdm-loop", flat, "", 32, 30.0, wilson(1, 2), 2, {}).settings(48)
    assert made == settings("remdm-loop", 48, eta=0.1) and np.isclose(made.values["eta"], 0.1)
