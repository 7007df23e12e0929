"""Runs as traces: the one way in which page and command line sample, check and keep."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from remdm.checkpoints import Checkpoint
from remdm.domains.base import Domain, Model, Note
from remdm.frames import frame
from remdm.methods import Settings, build, run
from remdm.models.network import compute
from remdm.trace import Frame, Trace

MAX_SEED = 2**53 - 1
"""The largest seed: still exact as a JSON number in every browser."""


@dataclass(frozen=True)
class Order:
    """What is asked for: a domain's model, its start, the sampler's settings and the seed.

    `index` tells the runs of one seed apart: run k is the same whether it is made alone or as one of many.
    """

    domain: Domain
    model: Model
    prompt: str
    length: int
    settings: Settings
    seed: int
    index: int = 0
    device: str = "auto"


def run_seed(seed: int, index: int) -> int:
    """The generator's seed of run `index` of a user's seed.

    Raises:
        ValueError: if the seed is not a whole number from 0 to 2^53 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise ValueError(f"seed must be a whole number from 0 to 2^53 - 1, got {seed}")
    return int(np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)[0] >> 1)


@dataclass(frozen=True)
class Live:
    """A run that can be watched: its facts before the first step, then its steps."""

    order: Order
    checkpoint: Checkpoint
    start: tuple[int, ...]
    expected: int

    def steps(self) -> Iterator[tuple[Frame, tuple[Note, ...], float]]:
        """Each step's frame, what the checker finds after it, and the seconds that sampling it took."""
        order = self.order
        tokens = order.model.start(order.prompt, order.length, self.checkpoint)
        running = run(self.checkpoint.denoiser, order.settings, tokens[None], (run_seed(order.seed, order.index),))
        begun = time.perf_counter()
        for record in running:
            took = time.perf_counter() - begun
            notes = order.model.notes(self.words(record.after.tokens[0].tolist())) if order.model.notes else ()
            yield frame(record, 0, int(running.forwards[0])), notes, took
            begun = time.perf_counter()

    def pieces(self, ids: Iterable[int]) -> dict[int, str]:
        """How tokens are printed, by id."""
        return {token: self.order.model.piece(token, self.checkpoint) for token in ids}

    def words(self, ids: Sequence[int]) -> list[str | None]:
        """The bare word at each position, None where masked."""
        piece = self.order.model.piece
        return [None if token == self.checkpoint.mask_id else piece(token, self.checkpoint).strip() for token in ids]

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


def facts(order: Order, checkpoint: Checkpoint) -> dict[str, Any]:
    """The `run` of a trace: enough to run it again."""
    made = checkpoint.compute
    return {
        "domain": order.domain.name,
        "model": order.model.name,
        "sampler": order.settings.sampler,
        "steps": order.settings.steps,
        "seed": order.seed,
        "index": order.index,
        "prompt": order.prompt,
        "settings": order.settings.flat(),
        "device": f"{made.device.type} {str(made.dtype).removeprefix('torch.')}",
    }


def prepare(order: Order) -> Live:
    """Load what the run needs and check what can be checked before its first step.

    Raises:
        ValueError: for a prompt, length or seed that will not do.
        CheckpointError: if the model cannot be loaded.
    """
    low, high = order.model.lengths or (order.model.length, order.model.length)
    if not low <= order.length <= high:
        allowed = f"{low}" if low == high else f"{low} to {high}"
        raise ValueError(f"length must be {allowed} for the model {order.model.name}, got {order.length}")
    run_seed(order.seed, order.index)
    checkpoint = order.model.load(compute(order.device))
    start = order.model.start(order.prompt, order.length, checkpoint)
    if (start != checkpoint.mask_id).all():
        raise ValueError("There is nothing to write: the prompt fills every position. Leave a blank or end it with ...")
    return Live(order, checkpoint, tuple(start.tolist()), len(build(order.settings)[1]))


def record(order: Order) -> Trace:
    """A whole run."""
    live = prepare(order)
    return live.trace([frame for frame, _, _ in live.steps()])
