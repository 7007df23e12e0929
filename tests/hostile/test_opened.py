"""Files that a visitor opens: what they cost is bounded, and no one else waits for them."""

import io
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from remdm.app import samples
from remdm.app.gallery import seen
from remdm.app.samples import Sample, checked, file_of, opened
from remdm.app.workbench.share import moving_picture
from remdm.domains.registry import DOMAINS
from remdm.paths import ASSETS
from remdm.runs.trace import Trace, TraceError
from remdm.runs.trace_file import load
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
    """S1: RDKit draws a molecule of 1,800 tokens for 22 s, and its model writes 32."""
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
def test_what_is_opened_is_checked_and_drawn_elsewhere_as_it_would_be_here(name):
    trace = load(RECORDED[name])
    here = checked(DOMAINS[name], replace(trace, steps=trace.steps[:12]))
    there = opened(DOMAINS[name], here.trace)
    assert there.issues == here.issues and there.drawn == here.scenes()


def test_what_takes_too_long_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(samples, "OPENING_SECONDS", 1)
    monkeypatch.setattr(samples, "_found", time.sleep)
    call = APART.call
    monkeypatch.setattr(APART, "call", lambda seconds, work, domain, trace: call(seconds, work, 600))
    with pytest.raises(TraceError, match="too much here: It takes longer than 1 s"):
        seen(RECORDED["molecule"], DOMAINS, opened)


def shown(trace: Trace) -> tuple[int, ...]:
    """Width, height and number of frames of its GIF."""
    picture = Image.open(io.BytesIO(gif(trace)))
    return (*picture.size, picture.n_frames)


def test_a_gif_has_a_largest_size():
    """S4: 8,192 tokens would have taken 12 GB."""
    wide, tall, frames = shown(lengthened("text", 50))
    assert tall <= TALLEST + 30 and 2 <= frames < MOST_FRAMES
    trace = load(RECORDED["text"])
    long = replace(trace, words={token: word * 60 for token, word in trace.words.items()})
    assert shown(long)[1] <= TALLEST + 30
    assert shown(trace)[2] == MOST_FRAMES


def test_a_gif_is_drawn_elsewhere():
    trace = load(RECORDED["image"])
    few = replace(trace, steps=trace.steps[:3])
    assert APART.call(60, moving_picture, DOMAINS["image"], few) == moving_picture(DOMAINS["image"], few)


def test_a_process_has_a_folder_of_its_own_and_a_full_one_costs_the_file(monkeypatch):
    """S8."""
    trace = load(RECORDED["countdown"])
    path = Path(file_of(trace))
    assert path.is_file() and path.parents[1] == Path(samples._own_folder().name)
    assert path.parents[1].stat().st_mode & 0o077 == 0

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(samples, "save", full)
    with pytest.raises(ValueError, match="cannot write the file .No space left on device"):
        file_of(trace)
