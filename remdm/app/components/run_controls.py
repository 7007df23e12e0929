"""Run and Stop, wherever on the page something is sampled."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.context import LocalContext
from gradio.events import Dependency

from remdm.app.components.scripted_html import ScriptedHTML
from remdm.app.errors import failure
from remdm.app.events import MODEL_QUEUE, Changes, Values, on
from remdm.serving.streamed_runs import CLOSING, RUNS, RunGroup

Job = Callable[[Values, RunGroup], Iterator[Changes]]
"""What a click runs: the values of its inputs and the group that its runs belong to -> changes as they come."""

MOST_WAITING = 32
"""Runs in line on one server; who comes then is told so."""


def in_line() -> int:
    """How many runs wait for their turn, in the server whose callback this is."""
    served = LocalContext.blocks.get(None)
    line = served._queue.event_queue_per_concurrency_id.get(MODEL_QUEUE) if served else None
    return len(line.queue) if line else 0


def wait_in_line() -> int:
    """How many runs wait before one that comes now.

    Raises:
        ValueError: if the line is full.
    """
    before = in_line()
    if before >= MOST_WAITING:
        raise ValueError(f"{before} runs wait here already: try again in a minute")
    return before


class RunControls:
    """A button that begins a job in the model's queue, Stop, and the ticket of the group that is under way."""

    def __init__(self, label: str, elem_id: str, stop_id: str, work: str, waiting: str = "", **look: Any) -> None:
        """Build both buttons.

        Args:
            label: of the button that begins it.
            elem_id: its id.
            stop_id: that of Stop.
            work: what broke off, in the sentence for an unexpected error.
            waiting: what the button says until its turn has come.
            look: more properties of both buttons.
        """
        self.label, self.work, self.waiting = label, work, waiting or "Waiting …"
        self.run = gr.Button(label, variant="primary", elem_id=elem_id, **look)
        self.stop = gr.Button("Stop", interactive=False, elem_id=stop_id, **look)
        self.ticket = gr.State(None)
        self.others: list[Component] = []
        """More controls that are switched off while something runs."""
        self._cancels = False

    @property
    def buttons(self) -> set[Component]:
        """All that changes when something begins or ends."""
        return {self.run, self.stop, *self.others}

    def busy(self, label: str) -> Changes:
        """While something runs."""
        off = {each: gr.update(interactive=False) for each in self.others}
        return {self.run: gr.Button(label, interactive=False), self.stop: gr.Button(interactive=True), **off}

    def ready(self) -> Changes:
        """Before and after."""
        on = {each: gr.update(interactive=True) for each in self.others}
        return {self.run: gr.Button(self.label, interactive=True), self.stop: gr.Button(interactive=False), **on}

    def begins(
        self, event: Callable[..., Dependency], job: Job, inputs: AbstractSet[Component],
        outputs: AbstractSet[Component], at_once: Changes | None = None,
    ) -> Dependency:  # fmt: skip
        """Let an event begin a job; `at_once` is what changes before its turn has come."""
        more = at_once or {}

        def begin(request: gr.Request) -> Changes:
            before = wait_in_line()
            waiting = f"Waiting behind {before} …" if before else self.waiting
            return {**self.busy(waiting), **more, self.ticket: RUNS.begin(request.session_hash)}

        begun = on(event, begin, None, {*self.buttons, *more, self.ticket})
        inputs, outputs = {self.ticket, *inputs}, {*outputs, *self.buttons}
        return on(begun.success, self.guarded(job), inputs, outputs, concurrency_id=MODEL_QUEUE)

    def guarded(self, job: Job) -> Callable[[Values], Iterator[Changes]]:
        """A job as a callback: what it raises becomes a toast, and the buttons come back."""

        def run(values: Values) -> Iterator[Changes]:
            group = RUNS.group(values[self.ticket])
            try:
                yield from job(values, group)
                if RUNS.closing.is_set():
                    raise ValueError(CLOSING)
            except Exception as error:
                yield self.ready()
                raise failure(error, self.work) from error
            if not (self._cancels and group.stopped.is_set()):  # what was cancelled may get here late
                yield self.ready()

        return run

    def ends(self) -> None:
        """Let Stop tell the job, which then ends by itself."""

        def stop(ticket: str | None) -> gr.Button:
            RUNS.group(ticket).stop()
            return gr.Button(interactive=False)

        on(self.stop.click, stop, self.ticket, self.stop)

    def cancels(
        self, *running: Dependency, stopped: Callable[[RunGroup], Changes] = lambda group: {},
        outputs: AbstractSet[Component] = frozenset(),
    ) -> None:  # fmt: skip
        """Let Stop cut `running` off; `stopped` says what is left of it."""
        self._cancels = True

        def stop(ticket: str | None) -> Changes:
            group = RUNS.group(ticket)
            group.stop()
            left = stopped(group)
            group.last_messages = {each: left[each] for each in left if isinstance(each, ScriptedHTML)}
            return {**self.ready(), **left}

        def settled(ticket: str | None) -> Changes:  # what was sent just before may arrive behind that answer
            group = RUNS.group(ticket)
            return {**self.ready(), **group.last_messages} if group.stopped.is_set() else {self.stop: gr.skip()}

        halted = on(self.stop.click, stop, self.ticket, {*outputs, *self.buttons}, cancels=list(running))
        on(halted.then, settled, self.ticket, {*outputs, *self.buttons})
