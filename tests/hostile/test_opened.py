"""Files that a visitor opens: what they cost is bounded, and no one else waits for them."""

import io
import time
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from remdm import limits
from remdm.app import samples
from remdm.app.components.board import of_samples
from remdm.app.samples import Sample, checked, file_of, opened
from remdm.app.workbench.share import moving_picture, page_file, undrawn
from remdm.domains.image.exports import contact_sheet
from remdm.domains.image.tab import ImageTab
from remdm.domains.molecule.tab import MoleculeTab
from remdm.domains.registry import DOMAINS
from remdm.paths import ASSETS
from remdm.runs.branch import BranchRequest, pane, request_of
from remdm.runs.trace import Trace, TraceError
from remdm.runs.trace_file import dumps, load, save
from remdm.serving import temporary
from remdm.serving.apart import APART
from remdm.views.film import MOST_FRAMES, TALLEST, gif

RECORDED = {path.name.partition(".")[0]: path for path in sorted((ASSETS / "recorded").glob("*.json.gz"))}


def lengthened(name: str, times: int) -> Trace:
    """A recorded run of a domain, with its tokens several times one behind the other."""
    trace = load(RECORDED[name])
    length = trace.length

    def places(entries):
        return tuple((each[0] + length * k, *each[1:]) for k in range(times) for each in entries)

    steps = [
        replace(
            step, decoded=places(step.decoded), remasked=tuple(p for (p,) in places([(p,) for p in step.remasked])),
            confidence=np.tile(step.confidence, times), alternatives=step.alternatives * times, weights=(), drafts=(),
        )
        for step in trace.steps
    ]  # fmt: skip
    return replace(trace, length=length * times, start=trace.start * times, steps=tuple(steps))


@pytest.mark.parametrize("name", ["molecule", "image", "countdown"])
def test_what_its_model_cannot_have_written_is_shown_unchecked(name):
    """RDKit draws a molecule of 1,800 tokens for 22 s, and its model writes 32."""
    sample = Sample(lengthened(name, 4), None, DOMAINS[name])
    assert sample.model is None and "cannot have written" in sample.opened_as
    assert checked(DOMAINS[name], sample.trace).issues is None and sample.scenes() is None
    plain = Sample(load(RECORDED[name]), None, DOMAINS[name])
    assert plain.model is not None and plain.opened_as == "opened from a file"


def test_so_is_what_has_words_that_are_no_tokens():
    trace = load(RECORDED["molecule"])
    long = replace(trace, words={token: word * 99 for token, word in trace.words.items()})
    assert Sample(long, None, DOMAINS["molecule"]).model is None


@pytest.mark.parametrize("name", RECORDED)
def test_what_is_opened_is_checked_and_drawn_elsewhere_as_it_would_be_here(name, tmp_path):
    trace = load(RECORDED[name])
    here = checked(DOMAINS[name], replace(trace, steps=trace.steps[:12]))
    save(here.trace, tmp_path / "a.json")
    there = opened(str(tmp_path / "a.json"), DOMAINS)
    assert there.domain is DOMAINS[name] and dumps(there.trace) == dumps(here.trace)
    assert there.issues == here.issues and there.drawn == here.scenes()


def test_what_takes_too_long_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(samples, "OPENING_SECONDS", 1)
    call = APART.call
    monkeypatch.setattr(APART, "call", lambda seconds, *_: call(seconds, time.sleep, 600))
    with pytest.raises(TraceError, match="too much here: It takes longer than 1 s"):
        opened(str(RECORDED["molecule"]), DOMAINS)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (None, "Choose a file first"), (["a"], "Choose a file first"), ({"path": "a"}, "Choose a file first"),
        ("/no/such", "cannot be read"), ("/", "cannot be read"), (str(RECORDED["image"]), "domain image; here it must"),
    ],
)  # fmt: skip
def test_what_is_not_a_trace_of_the_tab_is_refused_in_a_sentence(file, says):
    with pytest.raises(TraceError, match=f"^This file cannot be shown. .*{says}"):
        opened(file, {"text": DOMAINS["text"]})


def grown(steps: int) -> Trace:
    """A valid run that writes and takes back every token, again and again."""
    trace = load(RECORDED["text"])
    token, places = trace.final[0], range(trace.length)
    first = replace(trace.steps[0], decoded=tuple((place, token, 0.5) for place in places), remasked=(), weights=(),
                    alternatives=(((token, 0.5),) * 50,) * trace.length, drafts=())  # fmt: skip
    back = replace(first, decoded=(), remasked=tuple(places), alternatives=(), sigma=0.5)
    return replace(trace, start=(trace.mask_id,) * trace.length, steps=(first, back) * steps)


@pytest.mark.parametrize("how", ["steps", "words", "sigma"])
def test_a_small_file_cannot_fill_the_memory(tmp_path, monkeypatch, how):
    """220 KB held 400 MB in the state of the visit, and was read in the page's own process."""
    trace = grown(60 if how == "steps" else 1)
    if how == "words":
        trace = replace(trace, words={place: "w" for place in range(400_000)})
    if how == "sigma":
        trace = replace(trace, steps=(replace(trace.steps[1], remasked=(), sigma=(0.5,) * trace.length),) * 9000)
    save(trace, tmp_path / "a.json.gz")
    monkeypatch.setattr(limits, "_row", limits.PUBLIC)
    with pytest.raises(TraceError, match="It takes more than 50 MB of memory, the most that this server keeps"):
        opened(str(tmp_path / "a.json.gz"), DOMAINS)


def shown(trace: Trace) -> tuple[int, ...]:
    """Width, height and number of frames of its GIF."""
    picture = Image.open(io.BytesIO(gif(trace)))
    return (*picture.size, picture.n_frames)


def test_a_gif_has_a_largest_size():
    """8,192 tokens would have taken 12 GB."""
    wide, tall, frames = shown(lengthened("text", 50))
    assert tall <= TALLEST + 30 and 2 <= frames < MOST_FRAMES
    trace = load(RECORDED["text"])
    long = replace(trace, words={token: word * 60 for token, word in trace.words.items()})
    assert shown(long)[1] <= TALLEST + 30
    assert shown(trace)[2] == MOST_FRAMES


def test_letters_that_a_gif_cannot_show_are_named():
    trace = load(RECORDED["text"])
    assert undrawn(DOMAINS["text"], trace) == "", "its own words have shapes"
    odd = dict(zip(trace.words, ("שלום", "漢字", "naïve", "😀", "Žluť"), strict=False))
    found = undrawn(DOMAINS["text"], replace(trace, words={**trace.words, **odd}))
    assert set("שלום漢字😀") <= set(found) and not set("navelu") & set(found)
    assert undrawn(DOMAINS["image"], replace(load(RECORDED["image"]), words=odd)) == "", "cells without words"


def test_a_gif_is_drawn_elsewhere():
    trace = load(RECORDED["image"])
    few = replace(trace, steps=trace.steps[:3])
    assert APART.call(60, moving_picture, DOMAINS["image"], few) == moving_picture(DOMAINS["image"], few)


def test_a_process_has_a_folder_of_its_own():
    path = Path(file_of(load(RECORDED["countdown"])))
    assert path.is_file() and path.parents[2] == Path(temporary._folder().name)
    assert path.parents[2].stat().st_mode & 0o077 == 0


@pytest.fixture(scope="module")
def tabs():
    with gr.Blocks():
        return {"image": ImageTab(DOMAINS["image"], RECORDED["image"], None),
                "molecule": MoleculeTab(DOMAINS["molecule"], RECORDED["molecule"], None)}  # fmt: skip


def full(*_args: object, **_more: object) -> str:
    raise OSError(28, "No space left on device")


def test_a_full_folder_costs_the_file_and_says_so(tabs, monkeypatch):
    run = checked(DOMAINS["image"], load(RECORDED["image"]))
    shared = of_samples([run], ["run"])
    sheet = tabs["image"]._filing(contact_sheet, "png")
    kept = [Sample(load(RECORDED["molecule"]), None, DOMAINS["molecule"])]
    assert Path(sheet(run).value["path"]).read_bytes()[:4] == b"\x89PNG"
    assert any(each.interactive for each in tabs["molecule"].exported(kept).values())
    monkeypatch.setattr(temporary, "mkdtemp", full)
    for write in (lambda: file_of(run.trace), lambda: page_file(shared), lambda: sheet(run)):
        with pytest.raises(ValueError, match="cannot write the file .No space left on device.; the run itself stays"):
            write()
    assert not any(each.interactive for each in tabs["molecule"].exported(kept).values()), "it runs after every run"


def test_another_folder_is_taken_where_the_usual_one_is_full(monkeypatch):
    tried = []

    def taken(prefix, ignore_cleanup_errors, dir=None):
        tried.append(dir)
        return full() if dir is None else dir

    monkeypatch.setattr(temporary, "TemporaryDirectory", taken)
    assert temporary._folder.__wrapped__() == temporary.ELSEWHERE and tried == [None, temporary.ELSEWHERE]


def test_rdkit_writes_no_file_of_what_its_model_cannot_have_written(tabs, monkeypatch):
    long = Sample(lengthened("molecule", 60), None, DOMAINS["molecule"])
    monkeypatch.setattr("remdm.domains.molecule.tab.smiles", lambda ids: pytest.fail("RDKit would have been asked"))
    assert not any(each.interactive for each in tabs["molecule"].exported([long]).values())


@pytest.mark.parametrize("token", [10**6, 2**24])
def test_no_run_goes_on_from_tokens_that_a_model_does_not_have(token):
    """On a GPU these would end everybody's runs."""
    trace = load(RECORDED["text"])
    first = trace.steps[0]
    odd = replace(trace, steps=(replace(first, decoded=((0, token, 0.5),), alternatives=()),))
    request = request_of(odd, DOMAINS["text"])
    for branch in (BranchRequest(request, trace=odd, step=1), BranchRequest(replace(request, start=(token,) * 160))):
        with pytest.raises(ValueError, match=f"{token} is not a token of this model"):
            pane(branch)
