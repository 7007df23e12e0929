"""What leaves the page and comes back: links, one-file pages, GIFs; and what is drawn before a run is made."""

import io
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from remdm.domains import DOMAINS
from remdm.evaluation.theory import marginals
from remdm.methods import METHODS, settings
from remdm.recording import Order
from remdm.tabs.change import grow
from remdm.tabs.compare import given, resettled
from remdm.tabs.samples import Sample
from remdm.tabs.schedule import outlook
from remdm.tabs.settings import Panel
from remdm.tabs.share import query, read
from remdm.trace import load, replay
from remdm.views import film, messages, standalone
from remdm.views.schedule import drawing

TEXT = DOMAINS["text"]
RECORDED = load(Path(__file__).parents[1] / "assets" / "recorded" / "text.json.gz")
EVIL = "</script><img src=x onerror=hacked=1><!--"


@pytest.fixture(scope="module")
def panel() -> Panel:
    with gr.Blocks():
        return Panel(TEXT)


def said(change: object) -> object:
    """The value that a control is given."""
    return change["value"] if isinstance(change, dict) else getattr(change, "value", change)


@pytest.mark.parametrize(
    "chosen",
    [
        settings("mdlm", 20),
        settings("remdm-loop", 33, eta=0.123, t_on=0.7, nucleus_p=0.8, temperature=0.75),
        settings("remdm-conf", 64, rule="cap", eta=0.2, masked_sigma="zero", schedule="cosine", precision=32),
        settings("llada-dfm", 48, swaps=3, nucleus="keep"),
    ],
    ids=lambda chosen: chosen.sampler,
)
def test_a_link_says_all_that_makes_a_run(panel, chosen):
    model = TEXT.models[0]
    order = Order(TEXT, model, "Rosa & Hugo = friends? _5 ...", model.length, chosen, 2**53 - 1)
    link = query(order)
    told = dict(parse_qsl(link.removeprefix("?"), strict_parsing=True))
    changes = {each: said(change) for each, change in read(panel, told).items()}
    values = [changes.get(control, control.value) for control in panel.inputs]
    (again,) = panel.orders(values)
    assert again == order and query(again) == link


@pytest.mark.parametrize(
    "told, sentence",
    [
        ({"sampler": "x"}, "sampler must be one of"),
        ({"steps": "-1"}, "steps must be a whole number, got -1"),
        ({"steps": "9" * 30}, "steps must be a whole number"),
        ({"eta": "lots"}, "eta must be a number, got lots"),
        ({"eta": "7"}, "eta must lie between 0 and 1"),
        ({"model": "x"}, "model must be one of"),
        ({"rule": "<b>"}, "rule must be one of"),
    ],
)
def test_a_wrong_link_gets_one_sentence(panel, told, sentence):
    with pytest.raises(ValueError, match=sentence):
        read(panel, {"sampler": "remdm-loop", **told})


def test_changes_of_a_pane():
    base = settings("remdm-loop", 64, eta=0.2, temperature=0.5)
    assert resettled(base, "", {}) == base
    assert resettled(base, "", given(" eta = 0.3 , steps=32, ")).values["eta"] == 0.3
    other = resettled(base, "mdlm", given("schedule=cosine"))
    assert (other.sampler, other.schedule, other.truncation.temperature) == ("mdlm", "cosine", 0.5)
    assert resettled(base, "llada", {}).truncation.nucleus_p == 1.0, "a paper's own way of drawing stays"
    with pytest.raises(ValueError, match="eta does not apply to mdlm"):
        resettled(base, "mdlm", given("eta=0.1"))


def test_a_page_from_one_file_cannot_be_broken_out_of():
    words = {token: f"{word}{EVIL}" for token, word in RECORDED.words.items()}
    evil = replace(RECORDED, words=words, text=EVIL, run={**RECORDED.run, "model": EVIL})
    message = messages.trace_message("a", evil, None)
    text = standalone.page(EVIL, message, ["/* script */"], ["/* style */"])
    assert text.count("</script>") == 4 and "<img" not in text and "<!--" not in text
    assert "default-src 'none'" in text and "http" not in text.replace("http-equiv", "")
    with pytest.raises(ValueError):
        standalone.page("x", "no json", [], [])


def test_a_film_shows_the_steps():
    short = replace(RECORDED, steps=RECORDED.steps[:9])
    with Image.open(io.BytesIO(film.gif(short, 100))) as picture:
        assert (picture.n_frames, picture.size[0]) == (9, film.WIDTH)
        shown = []
        for step in range(9):
            picture.seek(step)
            shown.append(np.asarray(picture.convert("RGB")).astype(int))
    blue = lambda image: int((np.abs(image - np.array([0xDC, 0xEB, 0xF9])).sum(-1) < 12).sum())
    assert max(map(blue, shown)) > 0 and (shown[0] != shown[8]).any(), "what is decoded now is blue"
    with pytest.raises(ValueError, match="no steps"):
        film.gif(replace(RECORDED, steps=()))


def test_the_outlook_is_what_a_run_does():
    assert sum(outlook(settings("mdlm", 32), 100).remasks) == 0
    loop = outlook(settings("remdm-loop", 64, eta=0.05), 200)
    assert sum(loop.remasks) == pytest.approx(32 * 0.05 * 200 * 0.9), "32 held steps at alpha 0.9"
    conf = outlook(settings("remdm-conf", 64), 200)
    assert max(conf.remasks) <= 1 + 1e-9, "weights that sum to one remask at most one token a step"
    assert sum(outlook(settings("remdm-llada", 64), 128).remasks) == 32
    for name in METHODS:
        made = outlook(settings(name, 16), 50)
        assert all(a <= b + 1e-9 for a, b in zip(made.sigma, made.sigma_max, strict=True)) or name.startswith("llada")
    text = drawing(loop)
    assert "288.0 remasks expected" in text and "remasking is on at steps" in text


def test_the_recorded_run_agrees_with_its_outlook():
    chosen = settings(RECORDED.run["sampler"], RECORDED.run["steps"], **RECORDED.run["settings"])
    expected = sum(outlook(chosen, RECORDED.start.count(RECORDED.mask_id)).remasks)
    happened = sum(len(frame.remasked) for frame in RECORDED.steps)
    assert abs(happened - expected) < 5 * expected**0.5 and len(list(replay(RECORDED))) == len(RECORDED.steps)


@pytest.mark.parametrize("name, more", [("remdm-rescale", {"eta": 0.9}), ("remdm-cap", {"eta": 0.3}), ("fb", {})])
def test_any_sigma_keeps_the_marginals(name, more):
    found = marginals(settings(name, 16, **more), 500, 1)
    wide = 4.5 / 1.96 * found.reach
    assert (np.abs(found.measured - found.alpha) <= wide + 1e-9).all() and found.remasks.sum() > 1


def test_correctors_stand_still_where_alpha_does():
    held = {rule: marginals(settings("remdm-loop", 32, rule=rule), 50, 1) for rule in ("cap", "fb", "dfm")}
    assert {rule: float(each.remasks[each.held].sum()) > 0 for rule, each in held.items()} == {
        "cap": True, "fb": False, "dfm": False,
    }  # fmt: skip


def test_branches_are_numbered_under_what_they_came_from():
    plain = Sample(RECORDED, None, TEXT)
    first = grow([], plain, ["a", "b"], [plain, plain])
    assert [each.number for each in first] == ["1", "2"] and first[1].sample.trace.run["branch"] == "2"
    deeper = grow(first, first[0].sample, ["c"], [plain])
    again = grow(deeper, first[0].sample, ["d", "e"], [plain, plain])
    assert [each.number for each in again] == ["1", "1.1", "1.2", "1.3", "2"]
    assert again[1].label.startswith("    1.1") and [each.title for each in again] == ["a", "c", "d", "e", "b"]
