"""Runs as traces: the one way in which page and command line sample, check and keep.

A `RunRequest` is prepared once (`prepare`), its steps are recorded as they are made (`recorded`), and what is kept of
them is a trace.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import zip_longest
from typing import Any

import torch

from remdm.models.checkpoints import Checkpoint
from remdm.models.network import compute
from remdm.runs.frames import drafted, frame
from remdm.runs.request import RunRequest, readable, run_seed
from remdm.runs.tokens import Issue, TokenView
from remdm.runs.trace import Frame, Trace
from remdm.runs.trace_file import MAX_WORD, fits
from remdm.sampling.knobs import one_of
from remdm.sampling.methods import Running, build, run


@dataclass(frozen=True)
class TimedFrame:
    """A step of one sequence: its frame, what the checker finds after it, and the seconds that sampling it took."""

    frame: Frame
    issues: tuple[Issue, ...]
    seconds: float


@dataclass(frozen=True)
class PreparedRun:
    """A run that can begin: its model is loaded, its start is known and what can be checked is checked.

    Attributes:
        request: what was asked for, with the prompt that was drawn where none was given.
        checkpoint: the loaded model.
        start: ids at t = 1, `[L]`.
        expected: how many steps it will take, but for a final fill.
    """

    request: RunRequest
    checkpoint: Checkpoint
    start: tuple[int, ...]
    expected: int
    _printed: dict[int, str] = field(default_factory=dict, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """How it crosses to another process: without the checkpoint, which that process loads, or has loaded."""
        return _received, (self.request, self.start, self.expected)

    @property
    def seed(self) -> int:
        """Of its random numbers."""
        return run_seed(self.request.seed, self.request.index)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what the model makes of the prompt otherwise than one may think."""
        model = self.request.model
        return tuple(model.notes(self.request.prompt, self.checkpoint)) if model.notes else ()

    def steps(self) -> Iterator[TimedFrame]:
        """Its steps as they are made."""
        for (timed,) in Batch((self,)).steps():
            if timed is not None:
                yield timed

    def timed(self, made: Frame, ids: Sequence[int], seconds: float) -> TimedFrame:
        """A frame with what the checker finds in the ids after it, `[L]`."""
        issues = self.request.model.issues
        return TimedFrame(made, issues(self.view(ids)) if issues else (), seconds)

    def pieces(self, ids: Iterable[int]) -> dict[int, str]:
        """How tokens are printed, by id."""
        return {token: self._piece(token) for token in ids}

    def _piece(self, token: int) -> str:
        if token not in self._printed:
            self._printed[token] = readable(self.request.model.piece(token, self.checkpoint))[:MAX_WORD]
        return self._printed[token]

    def view(self, ids: Sequence[int]) -> TokenView:
        """A state of this run as its domain sees it."""
        return TokenView(tuple(ids), self.checkpoint.mask_id, self.pieces(ids))

    def trace(self, frames: Sequence[Frame]) -> Trace:
        """The trace of the steps so far."""
        request, mask_id = self.request, self.checkpoint.mask_id
        ids = {*self.start, *(token for each in frames for _, token, _ in each.decoded)}
        ids |= {token for each in frames for top in each.alternatives for token, _ in top}
        ids |= {token for each in frames for _, token in each.drafts}
        run = facts(request, self.checkpoint)
        trace = Trace(run, request.length, mask_id, self.start, self.pieces(ids), tuple(frames), "")
        return replace(trace, text=readable(request.model.text(self._printable(trace), self.checkpoint)))

    def _printable(self, trace: Trace) -> list[int]:
        """The ids of its text: no masks, and no end mark that was written in front of given words."""
        ends = self.request.model.ends(self.checkpoint) if self.request.model.ends else frozenset()
        behind = max(trace.given, default=0)
        return [
            token
            for place, token in enumerate(trace.final)
            if token != trace.mask_id and not (token in ends and place < behind and trace.start[place] == trace.mask_id)
        ]


def _received(request: RunRequest, start: tuple[int, ...], expected: int) -> PreparedRun:
    return PreparedRun(request, request.model.load(compute(request.device)), start, expected)


def recorded(
    running: Running, runs: Sequence[PreparedRun], past: Sequence[Frame] = ()
) -> Iterator[list[TimedFrame | None]]:
    """For each step what happened to each sequence; None where one was over before it.

    Args:
        running: the sampler under way, a sequence for each run.
        runs: whose steps these are.
        past: the frames that each had made already.
    """
    before = past[-1].forwards if past else 0
    drafts = [drafted(past, each.request.length) if each.request.drafts else None for each in runs]
    begun = time.perf_counter()
    for record in running:
        seconds, after = time.perf_counter() - begun, record.after.tokens.tolist()
        yield [
            each.timed(frame(record, row, before + int(running.forwards[row]), drafts[row]), after[row], seconds)
            if record.over is None or not record.over[row]
            else None
            for row, each in enumerate(runs)
        ]
        begun = time.perf_counter()


@dataclass(frozen=True)
class Batch:
    """Runs of one model and one setting that are made together, each from its own start and seed."""

    runs: tuple[PreparedRun, ...]

    def steps(self) -> Iterator[list[TimedFrame | None]]:
        """See `recorded`."""
        lengths = [len(each.start) for each in self.runs]
        alike = [[place for place, each in enumerate(lengths) if each == length] for length in dict.fromkeys(lengths)]
        for made in zip_longest(*(self._of([self.runs[place] for place in places]) for places in alike)):
            row: list[TimedFrame | None] = [None] * len(self.runs)
            for places, timed in zip(alike, made, strict=True):
                for place, each in zip(places, timed or [None] * len(places), strict=True):
                    row[place] = each
            yield row

    @staticmethod
    def _of(runs: Sequence[PreparedRun]) -> Iterator[list[TimedFrame | None]]:
        """The steps of runs of one length."""
        request, checkpoint = runs[0].request, runs[0].checkpoint
        running = run(
            request.model.denoiser(checkpoint, request.asked), request.settings,
            torch.tensor([each.start for each in runs]), tuple(each.seed for each in runs),
            watch=request.watch, coupled=request.coupled,
        )  # fmt: skip
        return recorded(running, runs)


def facts(request: RunRequest, checkpoint: Checkpoint) -> dict[str, Any]:
    """The `run` of a trace: enough to run it again."""
    asked = asdict(request.asked)
    return {
        "domain": request.domain.name,
        "model": request.model.name,
        "sampler": request.settings.sampler,
        "steps": request.settings.steps,
        "seed": request.seed,
        "index": request.index,
        "prompt": request.prompt,
        **({"asked": asked} if asked else {}),
        "settings": request.settings.flat(),
        **({} if request.watch else {"confidence": "decoded"}),
        **({"coupled": True} if request.coupled else {}),
        "device": checkpoint.compute.title,
    }


def prepare(request: RunRequest) -> PreparedRun:
    """Load what the run needs and check what can be checked before its first step.

    Raises:
        ValueError: for an invalid prompt, length or seed.
        CheckpointError: if the model cannot be loaded.
    """
    low, high = request.model.lengths or (request.model.length, request.model.length)
    taken_up = request.start is not None and request.model.lengths is not None
    if not taken_up and not low <= request.length <= high:
        allowed = f"{low}" if low == high else f"{low} to {high}"
        raise ValueError(f"length must be {allowed} for the model {request.model.name}, got {request.length}")
    seed = run_seed(request.seed, request.index)
    _ensure_kept(request.length, len(build(request.settings)[1]))
    for name, choices in request.model.choices.items():
        one_of(name, getattr(request.asked, name), choices)
    checkpoint = request.model.load(compute(request.device))
    if request.start is None and request.model.draw and not request.prompt.strip():
        request = replace(request, prompt=request.model.draw(seed))
    given = request.start
    ensure_known(given or (), checkpoint)
    start = torch.tensor(given) if given else request.model.start(request.prompt, request.length, checkpoint)
    if request.model.lengths is None and len(start) != request.length:
        raise ValueError(f"start must hold {request.length} ids, got {len(start)}")
    if len(start) > checkpoint.length:
        raise ValueError(f"The prompt and its answer take {len(start)} positions; this model has {checkpoint.length}.")
    request = replace(request, length=len(start))
    if (start != checkpoint.mask_id).all():
        raise ValueError("There is nothing to write: the prompt fills every position. Leave a blank or end it with ...")
    expected = len(build(request.settings, int((start == checkpoint.mask_id).sum()))[1])
    _ensure_kept(request.length, expected)
    return PreparedRun(request, checkpoint, tuple(start.tolist()), expected)


def ensure_known(ids: Iterable[int], checkpoint: Checkpoint) -> None:
    """Refuse ids from elsewhere that a model does not have: on a GPU these would end every run there.

    Raises:
        ValueError: with the first of them.
    """
    entries = max(checkpoint.tokenizer.get_vocab_size(), checkpoint.mask_id + 1)
    for token in ids:
        if token >= entries:
            raise ValueError(f"{token} is not a token of this model, so no run of it can go on from there")


def _ensure_kept(length: int, steps: int) -> None:
    """Raise ValueError for a run that no trace has room for."""
    if not fits(length, steps):
        raise ValueError(f"{steps:,} steps of {length:,} positions are more than a trace keeps; take fewer.")


def together(requests: Sequence[RunRequest]) -> Batch:
    """Prepare runs that differ in prompt, start, seed and index alone, to be made in one batch."""
    return Batch(tuple(prepare(request) for request in requests))


class BrokenRun(ValueError):
    """A run that could not go on; `trace` holds the steps before."""

    def __init__(self, why: Exception, trace: Trace) -> None:
        super().__init__(f"The run broke off after {len(trace.steps)} steps. {why}")
        self.trace = trace


def record(asked: RunRequest | PreparedRun) -> Trace:
    """A whole run.

    Raises:
        ValueError: as `prepare`. BrokenRun: where a step fails, with the steps before it.
    """
    prepared = asked if isinstance(asked, PreparedRun) else prepare(asked)
    frames: list[Frame] = []
    try:
        for step in prepared.steps():
            frames.append(step.frame)
    except (ValueError, RuntimeError) as error:  # RuntimeError: torch's, out of memory among them
        raise BrokenRun(error, prepared.trace(frames)) from error
    return prepared.trace(frames)
