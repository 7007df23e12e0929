"""Runs on their way to the stage: one after the other, or in one batch."""

from collections.abc import Generator, Iterator, Sequence

from remdm import limits
from remdm.app.components.run_controls import RunControls
from remdm.app.components.scripted_html import ScriptedHTML
from remdm.app.components.tiles import Refresh
from remdm.app.events import Changes
from remdm.app.samples import Sample
from remdm.app.streams import Stream, ended, made, steps_of, steps_together
from remdm.hub.store import size
from remdm.models.network import compute
from remdm.runs.domain import Domain
from remdm.runs.record import PreparedRun
from remdm.runs.request import RunRequest
from remdm.serving.streamed_runs import RUNS, RunGroup

Made = Generator[Changes, None, list[Sample]]
"""Changes as they come, and the samples at the end; none of runs that were stopped."""


class Writing:
    """Streams runs of a domain into a stage, and small pictures of all of them into tiles, if there are any."""

    def __init__(self, domain: Domain, player: ScriptedHTML, tiles: ScriptedHTML | None, controls: RunControls) -> None:
        self.domain, self.player, self.tiles, self.controls = domain, player, tiles, controls

    def together(self, prepared: Sequence[PreparedRun]) -> bool:
        """Whether runs are made in one batch."""
        return self.domain.together and len(prepared) > 1

    def runs(self, prepared: list[PreparedRun], group: RunGroup) -> Made:
        """Make them all."""
        if group.stopped.is_set():  # stopped before it began
            return []
        making = self._together if self.together(prepared) else self._in_turn
        return (yield from making(prepared, group))

    def fetched(self, request: RunRequest, group: RunGroup) -> Iterator[Changes]:
        """Download what the model lacks; Stop calls it off."""
        for fetched in request.model.fetch(compute(request.device)) if request.model.fetch else ():
            yield self.controls.busy(
                f"Downloading {fetched.done / max(fetched.total, 1):.0%} of {size(fetched.total)} …"
            )
            if group.stopped.is_set():
                return

    def _in_turn(self, prepared: list[PreparedRun], group: RunGroup) -> Made:
        """One run after the other, step by step."""
        samples: list[Sample] = []
        for each in prepared:
            shown = RUNS.open(each, group)
            if group.stopped.is_set():  # meanwhile: Stop either finds the run or is found here
                return []
            stream = Stream(shown)
            label = "Running …" if len(prepared) == 1 else f"Running {len(samples) + 1} of {len(prepared)} …"
            yield {self.player: stream.begin(), **self.controls.busy(label)}
            for step in steps_of(each):
                write = stream.take(step)
                if write is None:
                    return []
                limits.hold(group.held)
                yield {self.player: write()}
            samples.append(made(shown))
            yield {self.player: stream.end(samples[-1])}
            if group.stopped.is_set():
                return []
        return samples

    def _together(self, prepared: list[PreparedRun], group: RunGroup) -> Made:
        """All runs in one batch: the player follows the one looked at, the tiles show all of them."""
        streams = [Stream(RUNS.open(each, group)) for each in prepared]
        starts = [stream.begin() for stream in streams]
        focus, refresh = group.focus, Refresh(prepared[0].request.model, len(prepared))
        yield {self.player: starts[focus], **self.controls.busy(f"Running {len(prepared)} …")}
        for step in steps_together(prepared):
            writes = [stream.take(one) if one else None for stream, one in zip(streams, step, strict=True)]
            if group.stopped.is_set():
                return []
            limits.hold(group.held)
            if group.focus != focus:
                focus = group.focus
                yield {self.player: starts[focus]}  # the player asks for the steps before this one
            now = writes[focus]
            changes: Changes = {self.player: now()} if now else {}
            if self.tiles and refresh.due():
                states = [stream.prepared.view(stream.ids) for stream in streams]
                changes[self.tiles] = refresh.message(states, focus)
            if changes:
                yield changes
        samples = [made(shown) for shown in group.runs]
        ends = [stream.end(sample) for stream, sample in zip(streams, samples, strict=True)]
        yield {self.player: ends[focus]}
        return samples

    def stopped(self, group: RunGroup) -> tuple[str, list[Sample], int]:
        """After a cancel: the message that ends what is shown, what was made, and which of it is looked at."""
        begun = [shown for shown in group.runs if shown.steps]
        if not begun:  # nothing was made, and nothing must be made later
            ends = [ended(shown, made(shown), stopped=True) for shown in group.runs]
            return (ends[0] if ends else "", [], 0)
        samples = [made(shown) for shown in begun]
        for shown, sample in zip(begun, samples, strict=True):
            if not shown.end:
                ended(shown, sample, stopped=True)
        place = min(group.focus, len(begun) - 1) if self.domain.together else len(begun) - 1
        return begun[place].end, samples, place
