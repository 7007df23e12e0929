"""Runs as traces: the one way in which page and command line sample, check and keep."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch

from remdm.models.checkpoints import Checkpoint
from remdm.models.network import compute
from remdm.runs.domain import Domain, Model
from remdm.runs.frames import frame
from remdm.runs.tokens import Issue, TokenView
from remdm.runs.trace import Frame, Trace
from remdm.sampling.knobs import one_of
from remdm.sampling.methods import Settings, build, run
from remdm.sampling.time_grid import FINISH

MAX_SEED = 2**53 - 1
"""The largest seed: still exact as a JSON number in every browser."""


@dataclass(frozen=True)
class RunRequest:
    """What is asked for: a domain's model, its start, the sampler's settings and the seed.

    `index` tells the runs of one seed apart: run k is the same whether it is made alone or as one of many. `asked` is
    of the domain's kind (`Domain.ask`), None for its defaults. `start` (ids `[L]`) takes the prompt's place. `watch`:
    whether the confidence of every masked position is computed and recorded at each step, or only of those that decode,
    which takes less time where the vocabulary is large; the tokens are the same.
    """

    domain: Domain
    model: Model
    prompt: str
    length: int
    settings: Settings
    seed: int
    index: int = 0
    device: str = "auto"
    asked: Any = None
    start: tuple[int, ...] | None = None
    watch: bool = True

    def __post_init__(self) -> None:
        if self.asked is None:
            object.__setattr__(self, "asked", self.domain.ask())


def run_seed(seed: int, index: int) -> int:
    """The generator's seed of run `index` of a user's seed.

    Raises:
        ValueError: if the seed is not a whole number from 0 to 2^53 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise ValueError(f"seed must be a whole number from 0 to 2^53 - 1, got {seed}")
    return int(np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)[0] >> 1)


TimedFrame = tuple[Frame, tuple[Issue, ...], float]
"""A step of one sequence: its frame, what the checker finds after it, and the seconds that sampling it took."""


@dataclass(frozen=True)
class PreparedRun:
    """A run that can be watched: its facts before the first step, then its steps."""

    order: RunRequest
    checkpoint: Checkpoint
    start: tuple[int, ...]
    expected: int
    _printed: dict[int, str] = field(default_factory=dict, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """How it crosses to another process: without the checkpoint, which that process loads, or has loaded."""
        return _received, (self.order, self.start, self.expected)

    def steps(self) -> Iterator[TimedFrame]:
        """Each step's frame, what the checker finds after it, and the seconds that sampling it took."""
        for (seen,) in Batch((self,)).steps():
            if seen is not None:
                yield seen

    def seen(self, made: Frame, ids: Sequence[int], took: float) -> TimedFrame:
        """A step with what the checker finds in the ids after it."""
        issues = self.order.model.issues
        return made, issues(self.view(ids)) if issues else (), took

    def pieces(self, ids: Iterable[int]) -> dict[int, str]:
        """How tokens are printed, by id."""
        return {token: self._piece(token) for token in ids}

    def _piece(self, token: int) -> str:
        if token not in self._printed:
            self._printed[token] = self.order.model.piece(token, self.checkpoint)
        return self._printed[token]

    def view(self, ids: Sequence[int]) -> TokenView:
        """A state of this run as its domain sees it."""
        return TokenView(tuple(ids), self.checkpoint.mask_id, self.pieces(ids))

    def trace(self, frames: list[Frame]) -> Trace:
        """The trace of the steps so far."""
        order = self.order
        trace = Trace(
            facts(order, self.checkpoint), order.length, self.checkpoint.mask_id, self.start, {}, tuple(frames), ""
        )
        ids = {*self.start, *(token for f in frames for _, token, _ in f.decoded)}
        ids |= {token for f in frames for top in f.alternatives for token, _ in top}
        words = self.pieces(ids)
        text = order.model.text([token for token in trace.final if token != self.checkpoint.mask_id], self.checkpoint)
        return Trace(trace.run, trace.length, trace.mask_id, trace.start, words, trace.steps, text)


def _received(request: RunRequest, start: tuple[int, ...], expected: int) -> PreparedRun:
    return PreparedRun(request, request.model.load(compute(request.device)), start, expected)


@dataclass(frozen=True)
class Batch:
    """Runs of one model and one setting that are made together, each from its own start and seed."""

    lives: tuple[PreparedRun, ...]

    def steps(self) -> Iterator[list[TimedFrame | None]]:
        """For each step what happened to each sequence; None where one had nothing left for the final fill."""
        first = self.lives[0]
        order, model = first.order, first.order.model
        seeds = tuple(run_seed(live.order.seed, live.order.index) for live in self.lives)
        tokens = torch.tensor([live.start for live in self.lives])
        denoiser = model.denoiser(first.checkpoint, order.asked)
        running = run(denoiser, order.settings, tokens, seeds, watch=order.watch)
        begun = time.perf_counter()
        for record in running:
            took = time.perf_counter() - begun
            yield [
                live.seen(frame(record, row, int(running.forwards[row])), record.after.tokens[row].tolist(), took)
                if record.step.phase != FINISH or record.decoded[row].any()
                else None
                for row, live in enumerate(self.lives)
            ]
            begun = time.perf_counter()


def facts(order: RunRequest, checkpoint: Checkpoint) -> dict[str, Any]:
    """The `run` of a trace: enough to run it again."""
    made = checkpoint.compute
    asked = asdict(order.asked)
    return {
        "domain": order.domain.name,
        "model": order.model.name,
        "sampler": order.settings.sampler,
        "steps": order.settings.steps,
        "seed": order.seed,
        "index": order.index,
        "prompt": order.prompt,
        **({"asked": asked} if asked else {}),
        "settings": order.settings.flat(),
        **({} if order.watch else {"confidence": "decoded"}),
        "device": f"{made.device.type} {str(made.dtype).removeprefix('torch.')}",
    }


def prepare(order: RunRequest) -> PreparedRun:
    """Load what the run needs and check what can be checked before its first step.

    Raises:
        ValueError: for a prompt, length or seed that will not do.
        CheckpointError: if the model cannot be loaded.
    """
    low, high = order.model.lengths or (order.model.length, order.model.length)
    if not low <= order.length <= high:
        allowed = f"{low}" if low == high else f"{low} to {high}"
        raise ValueError(f"length must be {allowed} for the model {order.model.name}, got {order.length}")
    seed = run_seed(order.seed, order.index)
    for name, choices in order.model.choices.items():
        one_of(name, getattr(order.asked, name), choices)
    checkpoint = order.model.load(compute(order.device))
    if order.start is None and order.model.draw and not order.prompt.strip():
        order = replace(order, prompt=order.model.draw(seed))
    start = torch.tensor(order.start) if order.start else order.model.start(order.prompt, order.length, checkpoint)
    if len(start) != order.length:
        raise ValueError(f"start must hold {order.length} ids, got {len(start)}")
    if (start != checkpoint.mask_id).all():
        raise ValueError("There is nothing to write: the prompt fills every position. Leave a blank or end it with ...")
    return PreparedRun(order, checkpoint, tuple(start.tolist()), len(build(order.settings)[1]))


def together(orders: Sequence[RunRequest]) -> Batch:
    """Prepare runs that differ in prompt, start, seed and index alone, to be made in one batch."""
    return Batch(tuple(prepare(order) for order in orders))


def record(order: RunRequest) -> Trace:
    """A whole run."""
    live = prepare(order)
    return live.trace([frame for frame, _, _ in live.steps()])
