"""A run on its way to the player: each step becomes a message, kept so that the browser can ask for it again."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

from remdm.app.samples import Sample, listed, started
from remdm.models.checkpoints import total_parameters
from remdm.models.network import compute
from remdm.runs.domain import Issue
from remdm.runs.record import Batch, RunRequest, TimedFrame, facts, prepare, together
from remdm.runs.trace import Frame
from remdm.sampling.knobs import knobs
from remdm.sampling.methods import build
from remdm.serving.batcher import shared
from remdm.serving.gpu import Work, lend, seconds
from remdm.serving.streamed_runs import StreamedRun
from remdm.views import messages

REDRAWN = 4
"""How often a position is drawn in a run in which each decides alone, at most: remasking sends few of them back."""


def work(orders: Sequence[RunRequest]) -> Work:
    """What runs of one model and one setting ask of a GPU when they are made together; the model is loaded by then."""
    first = orders[0]
    loaded = first.model.load(compute(first.device))
    steps, length = len(build(first.settings)[1]), first.length * len(orders)
    draws = REDRAWN if first.settings.parts["transition"] == "ancestral" else (steps + 1) // 2  # all masks, each step
    return Work(
        total_parameters(loaded.denoiser.network), 2 if knobs(first.domain.ask) else 1, length,
        loaded.tokenizer.get_vocab_size(), steps, draws * length,
    )  # fmt: skip


@lend(lambda order: seconds(work([order])))
def steps_of(order: RunRequest) -> Iterator[TimedFrame]:
    """The steps of a run, made where the model runs and shared with other visitors; what comes out is plain numpy."""
    yield from shared(prepare(order)).steps()


@lend(lambda orders: seconds(work(orders)))
def steps_together(orders: list[RunRequest]) -> Iterator[list[TimedFrame | None]]:
    """The same for runs that are made in one batch."""
    yield from Batch(tuple(map(shared, together(orders).lives))).steps()


class Stream:
    """The messages of one run, in turn."""

    def __init__(self, shown: StreamedRun) -> None:
        self.shown, self.live = shown, shown.live
        self.ids = list(self.live.start)
        self._held: frozenset[int] = frozenset()
        self._known = set(self.live.start)
        self._scene: tuple[int, dict | None] = (-1, None)

    def begin(self) -> str:
        """The start message."""
        live, order = self.live, self.live.order
        words = live.pieces(self._known)
        scene = order.model.scene(live.words(live.start)) if order.model.scene else None
        self._scene = (-1, scene)
        run, mask_id = facts(order, live.checkpoint), live.checkpoint.mask_id
        message = messages.start_message(
            self.shown.run_id,
            run,
            live.start,
            mask_id,
            live.expected,
            words,
            "",
            order.model.layout or order.domain.layout,
            started(order.model, scene),
        )
        self.shown.start = messages.dumps(message)
        return self.shown.start

    def take(self, seen: TimedFrame) -> Callable[[], str] | None:
        """Keep a step; what writes its message, or None if the run was stopped meanwhile."""
        frame, notes, took = seen
        ids = {token for _, token, _ in frame.decoded} | {token for top in frame.alternatives for token, _ in top}
        fresh = self.live.pieces(ids - self._known)
        self._known |= ids
        for place in frame.remasked:
            self.ids[place] = self.live.checkpoint.mask_id
        for place, token, _ in frame.decoded:
            self.ids[place] = token
        index = len(self.shown.steps)
        write = cache(partial(self._write, index, frame, self._held, fresh, notes, took, tuple(self.ids)))
        self._held = messages.held_after(frame, self._held)
        return write if self.shown.add((frame, notes, write)) else None

    def _write(
        self,
        index: int,
        frame: Frame,
        held: frozenset[int],
        fresh: dict[int, str],
        notes: tuple[Issue, ...],
        took: float,
        ids: tuple[int, ...],
    ) -> str:
        model = self.live.order.model
        scene = model.scene(self.live.words(ids)) if model.scene else None
        (last, before), self._scene = self._scene, (index, scene)
        if last == index - 1 and scene == before:  # only what changed is sent
            scene = None
        found = listed(notes) if model.notes else None
        run_id = self.shown.run_id
        return messages.dumps(messages.step_message(run_id, index, frame, held, fresh, found, took, scene))

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
    trace = shown.live.trace([frame for frame, _, _ in shown.steps])
    notes = tuple(notes for _, notes, _ in shown.steps) if shown.live.order.model.notes else None
    return Sample(trace, notes, shown.live.order.domain)
