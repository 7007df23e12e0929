"""A run on its way to the player: each step becomes a message, kept so that the browser can ask for it again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from remdm import limits
from remdm.app.samples import Sample, started
from remdm.models.checkpoints import total_parameters
from remdm.runs.record import Batch, PreparedRun, TimedFrame, facts
from remdm.runs.trace import apply
from remdm.sampling.knobs import knobs
from remdm.sampling.methods import build
from remdm.serving.batcher import shared
from remdm.serving.gpu import Work, lend, seconds
from remdm.serving.streamed_runs import StreamedRun
from remdm.views import messages

REDRAWN = 4
"""How often a position is drawn in a run in which each decides alone, at most: remasking sends few of them back."""


def work(runs: Sequence[PreparedRun]) -> Work:
    """What runs of one model and one setting ask of a GPU when they are made together."""
    first, loaded = runs[0].request, runs[0].checkpoint
    steps, length = len(build(first.settings)[1]), first.length * len(runs)
    draws = REDRAWN if first.settings.parts["transition"] == "ancestral" else (steps + 1) // 2  # all masks, each step
    guided = bool(knobs(first.domain.ask)) or first.settings.answering.prompt_guidance != 1
    return Work(
        total_parameters(loaded.denoiser.network), 2 if guided else 1, length,
        loaded.tokenizer.get_vocab_size(), steps, draws * length,
    )  # fmt: skip


def affordable(runs: Sequence[PreparedRun], times: int = 1) -> None:
    """Refuse runs of one click, each made so many times, that together ask for more than one request may.

    Raises:
        ValueError: with how many times too much it is.
    """
    asked = [work([each]) for each in runs]
    on_gpu = runs[0].checkpoint.compute.device.type == "cuda"
    limits.afford(times * sum(each.weights * each.passes * each.positions * each.steps for each in asked), on_gpu)


@lend(lambda run: seconds(work([run])))
def steps_of(run: PreparedRun) -> Iterator[TimedFrame]:
    """The steps of a run, made where the model runs and shared with other visitors; what comes out is plain numpy."""
    yield from shared(run).steps()


@lend(lambda runs: seconds(work(runs)))
def steps_together(runs: Sequence[PreparedRun]) -> Iterator[list[TimedFrame | None]]:
    """The same for runs that are made in one batch."""
    yield from Batch(tuple(map(shared, runs))).steps()


class Stream:
    """The messages of one run, in turn."""

    def __init__(self, shown: StreamedRun, more: Mapping[str, Any] | None = None) -> None:
        """Begin with a run; `more` is what its trace says besides (`Pane.facts`)."""
        self.shown, self.prepared, self._more = shown, shown.prepared, more or {}
        self._tokens = np.array(self.prepared.start, dtype=np.int64)
        self._held: frozenset[int] = frozenset()
        self._known = set(self.prepared.start)
        self._scene: tuple[int, dict | None] = (-1, None)

    @property
    def ids(self) -> tuple[int, ...]:
        """The tokens after the last step taken, `[L]`."""
        return tuple(self._tokens.tolist())

    def begin(self) -> str:
        """The start message."""
        prepared, request = self.prepared, self.prepared.request
        model = request.model
        scene = model.scene(prepared.view(prepared.start)) if model.scene else None
        self._scene = (-1, scene)
        about = {**facts(request, prepared.checkpoint), **self._more}
        message = messages.start_message(
            self.shown.run_id, about, prepared.start, prepared.checkpoint.mask_id,
            prepared.expected, prepared.pieces(self._known), "", model.layout or request.domain.layout,
            started(model, scene), live=True,
        )  # fmt: skip
        self.shown.start = messages.dumps(message)
        return self.shown.start

    def take(self, step: TimedFrame) -> Callable[[], str] | None:
        """Keep a step; what writes its message, or None if the run was stopped meanwhile."""
        frame = step.frame
        ids = {token for _, token, _ in frame.decoded} | {token for top in frame.alternatives for token, _ in top}
        ids |= {token for _, token in frame.drafts}
        fresh = self.prepared.pieces(ids - self._known)
        self._known |= ids
        self._tokens = apply(frame, self._tokens, self.prepared.checkpoint.mask_id)
        write = cache(partial(self._write, len(self.shown.steps), step, self._held, fresh, self.ids))
        self._held = messages.held_after(frame, self._held)
        return write if self.shown.add(step, write) else None

    def _write(
        self, index: int, step: TimedFrame, held: frozenset[int], fresh: dict[int, str], ids: Sequence[int]
    ) -> str:
        model = self.prepared.request.model
        scene = model.scene(self.prepared.view(ids)) if model.scene else None
        (last, before), self._scene = self._scene, (index, scene)
        if last == index - 1 and scene == before:  # only what changed is sent
            scene = None
        found = step.issues if model.issues else None
        run_id = self.shown.run_id
        return messages.dumps(
            messages.step_message(run_id, index, step.frame, held, fresh, found, step.seconds, scene, live=True)
        )

    def end(self, sample: Sample, stopped: bool = False) -> str:
        """The end message."""
        return ended(self.shown, sample, stopped)


def ended(shown: StreamedRun, sample: Sample, stopped: bool = False) -> str:
    """The end message of a run, kept with it."""
    message = messages.end_message(shown.run_id, sample.trace.text, len(shown.steps), stopped=stopped)
    shown.end = messages.dumps(message)
    return shown.end


def made(shown: StreamedRun) -> Sample:
    """The sample of a run that has ended or was stopped."""
    return Sample(shown.prepared.trace(shown.frames), shown.issues, shown.prepared.request.domain)
