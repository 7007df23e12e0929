"""Runs as traces: the one way in which page and command line sample, check and keep.

A `RunRequest` is prepared once (`prepare`), its steps are recorded as they are made (`Walk`), and what is kept of
them is a trace.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import zip_longest
from typing import Any

import torch

from remdm.models.checkpoints import Checkpoint, ensure_known
from remdm.models.network import Compute, compute
from remdm.runs.frames import Recorded, drafted
from remdm.runs.position import Position
from remdm.runs.request import RunRequest, readable, run_seed
from remdm.runs.tokens import Issue, TokenView
from remdm.runs.trace import Frame, Trace
from remdm.runs.trace_file import MAX_WORD, fits
from remdm.sampling.knobs import one_of
from remdm.sampling.methods import build, run


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

    def steps(self, making: "Making | None" = None) -> Iterator[TimedFrame]:
        """Its steps as they are made, here or by an engine."""
        for (timed,) in (making or Batch.steps)(Batch((self,))):
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
        for token in {*ids} - self._printed.keys():
            self._piece(token)
        return TokenView(tuple(ids), self.checkpoint.mask_id, self._printed.copy())

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


Row = list[TimedFrame | None]
"""What a step did to each sequence of a batch; None where one was over before it."""


class Walk:
    """Runs of one length under way: iterate it for a row at each step."""

    def __init__(self, runs: Sequence[PreparedRun], at: Position | None = None) -> None:
        """Begin, or go on from where they stood; see `Batch`."""
        self.runs = runs
        request, checkpoint = runs[0].request, runs[0].checkpoint
        starts = torch.tensor([each.start for each in runs])
        self._running = run(
            request.model.denoiser(checkpoint, request.asked), request.settings, at.state if at else starts,
            tuple(each.seed for each in runs), watch=request.watch, first=at.first if at else 0,
            coupled=request.coupled, stand=at.stand if at else (),
        )  # fmt: skip
        self._before = at.forwards if at else (0,) * len(runs)
        self._drafts = [
            None if not each.request.drafts else drafted((), len(each.start)) if known is None else known.copy()
            for each, known in zip(runs, at.drafts if at else [None] * len(runs), strict=True)
        ]

    def __iter__(self) -> Iterator[Row]:
        begun = time.perf_counter()
        for record in self._running:
            seconds, after = time.perf_counter() - begun, record.after.tokens.tolist()
            made, forwards = Recorded(record), self._forwards
            yield [
                each.timed(made.frame(row, forwards[row], self._drafts[row]), after[row], seconds)
                if record.over is None or not record.over[row]
                else None
                for row, each in enumerate(self.runs)
            ]
            begun = time.perf_counter()

    @property
    def _forwards(self) -> tuple[int, ...]:
        now = self._running.forwards.tolist()
        return tuple(before + more for before, more in zip(self._before, now, strict=True))

    @property
    def position(self) -> Position | None:
        """Where they stand after the last row; None where they could not be taken up without a call more."""
        running = self._running
        if not running.forgets:
            return None
        drafts = tuple(None if known is None else known.copy() for known in self._drafts)
        reached = running.reached
        return Position(reached.state, reached.first, running.noise.stand(), self._forwards, drafts)


@dataclass(frozen=True)
class Batch:
    """Runs of one model and one setting that are made together, each from its own start and seed.

    `at`: where they stood when they were left, for runs of one length that are taken up.
    """

    runs: tuple[PreparedRun, ...]
    at: Position | None = None

    def steps(self) -> Iterator[Row]:
        """The steps of all of them as they are made."""
        lengths = [len(each.start) for each in self.runs]
        alike = [[place for place, each in enumerate(lengths) if each == length] for length in dict.fromkeys(lengths)]
        for made in zip_longest(*(Walk([self.runs[place] for place in places], self.at) for places in alike)):
            row: Row = [None] * len(self.runs)
            for places, timed in zip(alike, made, strict=True):
                for place, each in zip(places, timed or [None] * len(places), strict=True):
                    row[place] = each
            yield row


Making = Callable[[Batch], Iterator[Row]]
"""What makes the steps of a batch: here (`Batch.steps`), or wherever an engine has its models."""


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


def prepare(request: RunRequest, where: Compute | None = None) -> PreparedRun:
    """Load what the run needs and check what can be checked before its first step.

    Args:
        request: what is asked for.
        where: the device and number type to use; without it what suits the device that is asked for.

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
    checkpoint = request.model.load(where or compute(request.device))
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


def _ensure_kept(length: int, steps: int) -> None:
    """Raise ValueError for a run that no trace has room for."""
    if not fits(length, steps):
        raise ValueError(f"{steps:,} steps of {length:,} positions are more than a trace keeps; take fewer.")


def together(requests: Sequence[RunRequest]) -> Batch:
    """Prepare runs that differ in prompt, start, seed and index alone, to be made in one batch."""
    return Batch(tuple(prepare(request) for request in requests))


class BrokenRun(ValueError):
    """Runs that could not go on; `traces` hold the steps before, one for each."""

    def __init__(self, why: Exception, traces: Sequence[Trace]) -> None:
        super().__init__(f"The run broke off after {max(len(each.steps) for each in traces)} steps. {why}")
        self.traces = traces


def record(asked: RunRequest | PreparedRun, making: Making | None = None) -> Trace:
    """A whole run, made here or by an engine.

    Raises:
        ValueError: as `prepare`. BrokenRun: where a step fails, with the steps before it.
    """
    return record_together((asked if isinstance(asked, PreparedRun) else prepare(asked),), making)[0]


def record_together(runs: Sequence[PreparedRun], making: Making | None = None) -> list[Trace]:
    """Whole runs of one model and one setting, made in one batch: as if alone, but for the rounding of float32.

    Raises:
        BrokenRun: where a step fails, with the steps before it.
    """
    frames: list[list[Frame]] = [[] for _ in runs]
    try:
        for row in (making or Batch.steps)(Batch(tuple(runs))):
            for own, step in zip(frames, row, strict=True):
                if step is not None:
                    own.append(step.frame)
    except (ValueError, RuntimeError) as error:  # RuntimeError: torch's, out of memory among them
        made = [each.trace(own) for each, own in zip(runs, frames, strict=True)]
        raise BrokenRun(error, made) from error
    return [each.trace(own) for each, own in zip(runs, frames, strict=True)]
