"""What leaves the page and comes back: links, one-file pages, GIFs; and what is drawn before a run is made."""

import io
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from remdm.app.components.board import of_samples
from remdm.app.gallery import pieces, seen
from remdm.app.samples import Sample
from remdm.app.workbench.acts import Act, read_act
from remdm.app.workbench.lanes import lane_text, read_lane, resettled
from remdm.app.workbench.schedule_preview import outlook
from remdm.app.workbench.settings import Panel
from remdm.app.workbench.share import query, read_link
from remdm.domains.registry import DOMAINS
from remdm.evaluation import theorems
from remdm.evaluation.theorems import marginals, twins
from remdm.runs.branch import BranchRequest, pane, pane_trace
from remdm.runs.request import RunRequest
from remdm.runs.trace import TraceError, replay
from remdm.runs.trace_file import load, save
from remdm.sampling.knobs import pairs
from remdm.sampling.methods import parse, settings
from remdm.sampling.presets import METHODS
from remdm.views import film, messages, standalone
from remdm.views.chains import panel as drawn_panel
from remdm.views.schedule import drawing

TEXT = DOMAINS["text"]
ASSETS = Path(__file__).parents[2] / "assets"
GALLERY = ASSETS / "gallery"
RECORDED = load(ASSETS / "recorded" / "text.json.gz")
EVIL = "</script><img src=x onerror=hacked=1><!--"


@pytest.fixture(scope="module")
def panel() -> Panel:
    with gr.Blocks():
        return Panel(TEXT)


def said(change: object) -> object:
    """The value that a control is given."""
    return change["value"] if isinstance(change, dict) else getattr(change, "value", change)


CHOSEN = [
    settings("mdlm", 20),
    settings("remdm-loop", 33, eta=0.123, t_on=0.7, nucleus_p=0.8, temperature=0.75),
    settings("remdm-conf", 64, rule="cap", eta=0.2, masked_sigma="zero", schedule="cosine", precision=32),
    settings("llada-dfm", 48, swaps=3, nucleus="keep"),
]


def made(chosen, prompt: str = "Rosa and Ben were friends. _5 ...", seed: int = 2**53 - 1):
    """A lane with such a run, not one step of which has been made."""
    model = TEXT.models[0]
    run = pane(BranchRequest(RunRequest(TEXT, model, prompt, model.length, chosen, seed, drafts=True)))
    return Sample(pane_trace(run, []), None, TEXT), run.prepared.request


def opened(panel: Panel, link: str):
    """What a link asks for, and the run that the controls then ask for."""
    asked = read_link(TEXT, dict(parse_qsl(link.removeprefix("?"), strict_parsing=True)))
    changes = {each: said(change) for each, change in panel.shows(asked.request).items()}
    (again,) = panel.requests({control: changes.get(control, control.value) for control in panel.inputs})
    return asked, again


@pytest.mark.parametrize("chosen", CHOSEN, ids=lambda chosen: chosen.sampler)
def test_a_link_says_all_that_makes_a_run(panel, chosen):
    sample, request = made(chosen)
    asked, again = opened(panel, query(of_samples([sample], ["one"]), {}))
    assert (again, asked.lanes, asked.edits) == (request, (("", ""),), ())


def test_a_link_says_what_runs_beside_it_what_was_done_and_where_one_looks(panel):
    lanes, requests = zip(*(made(chosen) for chosen in CHOSEN), strict=True)
    shown = of_samples(lanes, list("ABCD"))
    acts = (Act("put", 1, 0, 4, 17), Act("on", 0, 0, 0, sampler="mdlm", once=True))
    after = replace(shown, before=shown, edits=tuple(each.text for each in acts))
    link = query(after, {"step": 31, "lane": 2, "position": 7})
    asked, again = opened(panel, link)
    assert again == requests[1], "the panel stands for the second lane"
    base = again.settings
    found = [resettled(base, sampler, parse(pairs(changes))) for sampler, changes in asked.lanes]
    assert found == [each.settings for each in requests]
    assert tuple(read_act(each, shown) for each in asked.edits) == acts
    assert link.endswith("&at=31&lane=2&token=7")


def test_what_no_link_can_make_again_is_said():
    sample, _ = made(CHOSEN[0])
    plain = replace(sample, trace=replace(sample.trace, run={**sample.trace.run, "coupled": False}))
    second = replace(sample, trace=replace(sample.trace, run={**sample.trace.run, "index": 1}))
    for each in (plain, second):
        with pytest.raises(ValueError, match="No link makes this run again; export it"):
            query(of_samples([each], ["one"]), {})


@pytest.mark.parametrize(
    "told, sentence",
    [
        ({"sampler": "x"}, "sampler must be one of"),
        ({"steps": "-1"}, "steps must be a whole number from 1 to 8192, got -1"),
        ({"steps": "9" * 30}, "steps must be a whole number"),
        ({"eta": "lots"}, "eta must be a number, got lots"),
        ({"eta": "7"}, "eta must lie between 0 and 1"),
        ({"model": "x"}, "model must be one of"),
        ({"rule": "<b>"}, "rule must be one of"),
        ({"lanes": "mdlm|*|*"}, "lanes must name 1, 2 or 4 runs, got 3"),
        ({"lanes": "x|*"}, "a lane's sampler must be one of"),
        ({"edits": "[1]"}, "edits must be a list of what was done by hand"),
        ({"edits": f"[{','.join(['[0, 0, 0, 0, 0, 0, 0]'] * 9)}]"}, "edits must be at most 8, got 9"),
    ],
)
def test_a_wrong_link_gets_one_sentence(told, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_link(TEXT, {"sampler": "remdm-loop", **told})


@pytest.mark.parametrize("chosen", CHOSEN, ids=lambda chosen: chosen.sampler)
def test_a_lane_in_a_link_is_its_sampler_and_what_was_changed(chosen):
    base = settings("remdm-loop", 64, temperature=0.5)
    for each in (base, chosen):
        sampler, changes = read_lane(lane_text(base, each))
        assert resettled(base, sampler, parse(pairs(changes))) == each
    assert lane_text(base, base) == "*"


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "on", "lane": 1}, {"kind": "x"}, {"kind": ["on"]}, {"kind": "put", "token": "a"},
        {"kind": "on", "step": 99}, {"kind": "on", "step": True}, {"kind": "on", "position": 160},
        {"kind": "on", "sampler": "x"}, {"kind": "on", "step": -1},
    ],
)  # fmt: skip
def test_an_act_that_the_stage_does_not_offer_is_refused(asked):
    with pytest.raises(ValueError):
        read_act(asked, of_samples([made(CHOSEN[0])[0]], ["one"]))
    with pytest.raises(ValueError, match="There is no run to go on from yet"):
        read_act({"kind": "on"}, None)


def test_changes_of_a_pane():
    base = settings("remdm-loop", 64, eta=0.2, temperature=0.5)
    assert resettled(base, "", {}) == base
    assert resettled(base, "", parse(pairs(" eta = 0.3 , steps=32, "))).values["eta"] == 0.3
    other = resettled(base, "mdlm", parse(pairs("schedule=cosine")))
    assert (other.sampler, other.schedule, other.truncation.temperature) == ("mdlm", "cosine", 0.5)
    assert resettled(base, "llada", {}).truncation.nucleus_p == 1.0, "a paper's own way of drawing stays"
    with pytest.raises(ValueError, match="eta does not apply to mdlm"):
        resettled(base, "mdlm", parse(pairs("eta=0.1")))


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


@pytest.mark.parametrize("name, layout", [("image", "grid"), ("text", "rows:16")])
def test_a_film_is_laid_out_as_on_the_stage(name, layout):
    trace = load(ASSETS / "recorded" / f"{name}.json.gz")
    tall, wide = [], []
    for each in (layout, "text"):
        with Image.open(io.BytesIO(film.gif(replace(trace, steps=trace.steps[:2]), layout=each))) as picture:
            wide.append(picture.size[0])
            tall.append(picture.size[1])
    if layout == "grid":
        assert wide[0] == 2 * film.EDGE + 16 * (film.CELL + 2) - 2 and tall[0] == wide[0] + film.TOP - film.EDGE
    else:
        assert wide == [film.WIDTH] * 2 and tall[0] > tall[1], "each sentence begins a line"


def test_a_picture_has_a_film_of_its_own():
    trace = load(ASSETS / "recorded" / "image.json.gz")
    (made,) = [model.film for model in DOMAINS["image"].models if model.name == trace.run["model"]]
    with Image.open(io.BytesIO(made(replace(trace, steps=trace.steps[:3])))) as picture:
        assert picture.n_frames == 4 and picture.size == (192, 192)


def test_the_gallery_shows_what_it_says():
    hung = pieces(GALLERY)
    found = {each["file"]: seen(GALLERY / each["file"], DOMAINS) for each in hung}
    assert {sample.domain.name for sample in found.values()} == set(DOMAINS) and len(found) == len(hung)
    assert {path.name for path in GALLERY.glob("*.json.gz")} == set(found), "nothing hangs there unseen"
    for each in hung:
        assert each["title"].startswith(f"{found[each['file']].domain.title} · ") and each["told"].count(".") >= 1
    for name in ("countdown", "molecule"):
        kept, taken_back = (found[f"{name}-{show}.json.gz"].errors for show in ("kept", "found"))
        assert kept[-1] > 0 and max(taken_back) > 0 and taken_back[-1] == 0
    assert any(step.remasked for step in found["image-found.json.gz"].trace.steps)


def test_a_trace_of_no_domain_does_not_hang(tmp_path):
    save(replace(RECORDED, run={**RECORDED.run, "domain": "music"}), tmp_path / "music.json")
    with pytest.raises(TraceError, match="Its domain is none of text, image"):
        seen(tmp_path / "music.json", DOMAINS)


def test_the_outlook_is_what_a_run_does():
    assert sum(outlook(settings("mdlm", 32), 100).remasks) == 0
    loop = outlook(settings("remdm-loop", 64, eta=0.05), 200)
    assert sum(loop.remasks) == pytest.approx(32 * 0.05 * 200 * 0.9), "32 held steps at alpha 0.9"
    conf = outlook(settings("remdm-conf", 64), 200)
    assert max(conf.remasks) <= 1 + 1e-9, "weights that sum to one remask at most one token a step"
    assert sum(outlook(settings("remdm-llada", 64), 128).remasks) == 32
    outlooks = {name: outlook(settings(name, 16), 50) for name in METHODS}
    assert {name for name, made in outlooks.items() if made is None} == {
        "rcr", "p2", "eb", "threshold", "factor", "klass", "wino", "saber", "t2m",
    }  # fmt: skip
    for name, made in outlooks.items():
        if made is not None and METHODS[name].transition == "ancestral":
            assert all(a <= b + 1e-9 for a, b in zip(made.sigma, made.sigma_max, strict=True)), name
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


@pytest.mark.parametrize("corrector", ["fb", "dfm"])
def test_a_corrector_and_its_twin_draw_the_same_picture(corrector, monkeypatch):
    its_own, twin, other = twins(corrector, 12, 4, 5)
    assert not its_own.differs(twin).any() and its_own.differs(other).mean() > 0.05
    assert (its_own.states == 3).any() and "".join(twin.words).count("_") == (twin.letters[-1] == 26).sum()
    monkeypatch.setitem(theorems.CORRECTORS, corrector, lambda t, b=theorems.CORRECTORS[corrector]: 0.7 * b(t))
    assert twins(corrector, 12, 4, 5)[0].differs(twin).any(), "with other coefficients it is another sampler"


@pytest.mark.parametrize("steps, chains", [(0, 4), (65, 4), (8, 0), (8, 65)])
def test_experiments_of_an_impossible_size_are_refused(steps, chains):
    with pytest.raises(ValueError, match="must be a whole number from 1 to 64"):
        twins("fb", steps, chains, 1)
    with pytest.raises(ValueError, match="chains must be a whole number from 10 to 20000"):
        marginals(settings("fb", 8), 10**9 if chains else 0, 1)


def test_twins_are_drawn_with_what_differs():
    states = np.array([[0, 1, 0, 0], [3, 2, 0, 1]])
    apart = np.array([[False] * 4, [True, False, False, True]])
    drawn = drawn_panel("<b>", states, apart, ["ab", "cd"])
    assert "&lt;b&gt;" in drawn and "2 of 8 cells differ from the first" in drawn
    assert drawn.count("M0 8h7v7h-7z") == 2, "the remasked cell, and its frame"
    assert "2 chains over 2 steps: 2 decoded, 1 remasked" in drawn
    assert "no cell differs from the first" in drawn_panel("x", states, np.zeros_like(apart), ["ab", "cd"])


def test_correctors_stand_still_where_alpha_does():
    held = {rule: marginals(settings("remdm-loop", 32, rule=rule), 50, 1) for rule in ("cap", "fb", "dfm")}
    assert {rule: float(each.remasks[each.held].sum()) > 0 for rule, each in held.items()} == {
        "cap": True, "fb": False, "dfm": False,
    }  # fmt: skip
