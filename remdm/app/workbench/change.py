"""Change something at a step and go on: plant an error, send a token back, branch with other settings."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from remdm.app.components.board import Board
from remdm.app.components.controls import Dial, choices
from remdm.app.components.player import Player
from remdm.app.errors import failure
from remdm.app.events import UI_EVENT
from remdm.app.samples import Sample
from remdm.app.workbench.compare import AS_SET, MODEL_QUEUE, MOST_PANES, resettled, show
from remdm.app.workbench.outcome import Changes, Outcome
from remdm.app.workbench.settings import Panel
from remdm.evaluation.planted_errors import HEADINGS, experiment, row
from remdm.runs.branch import BranchRequest, Change, chosen_token, pane, state_after
from remdm.runs.record import RunRequest
from remdm.sampling.methods import METHODS
from remdm.serving.streamed_runs import RUNS
from remdm.views.comparison import grid

HOWS = (
    ("an unlikely token", "unlikely"), ("a random token", "random"), ("the token I type", "typed"),
    ("the mask", "mask"), ("what stands there", "keep"),
)  # fmt: skip
_PICKED = """(...values) => {
  const player = document.querySelector("#%s-player .rp").__player;
  const { step, selected, live, status } = player ? player.state() : { status: "empty" };
  return [JSON.stringify({ step, selected, live, status }), ...values.slice(1)];
}"""


@dataclass(frozen=True)
class Branch:
    """A run that was taken up from another one, by its number in the tree: 2.1 came from 2."""

    number: str
    title: str
    sample: Sample

    @property
    def label(self) -> str:
        """As the list of branches shows it, indented under its parent."""
        return f"{'    ' * self.number.count('.')}{self.number}  {self.title}"


class ChangeHere:
    """The part of a workbench under the player; its callbacks are the methods below."""

    def __init__(self, where: str) -> None:
        self.where = where
        with gr.Accordion(
            "Change something here and go on", open=False, elem_id=f"{where}-change", elem_classes="parts"
        ):
            gr.Markdown(
                "Choose a token in the player and a step on its slider. The token is replaced there, and the run goes "
                "on from that state: does the sampler find it?", elem_classes="hint",
            )  # fmt: skip
            self.how = gr.Radio(
                list(HOWS), value="unlikely", label="Put there", elem_id=f"{where}-how",
                info="Unlikely: the model gave it less than 1 %. What stands there: nothing but the settings changes.",
            )  # fmt: skip
            self.word = gr.Textbox(label="The token", visible=False, max_length=100, elem_id=f"{where}-word")
            self.samplers = gr.Dropdown(
                [("As set at the side", AS_SET), *choices()], value=["mdlm", AS_SET], multiselect=True,
                label="Go on with", elem_id=f"{where}-goon", info="One run for each of them, all from the same state.",
            )  # fmt: skip
            self.beside = gr.Checkbox(True, label="Also go on unchanged, as set at the side", elem_id=f"{where}-beside")
            with gr.Row(elem_classes="files"):
                self.go = gr.Button("Go on from here", variant="primary", size="sm", elem_id=f"{where}-change-run")
                self.stop = gr.Button("Stop", size="sm", interactive=False, elem_id=f"{where}-change-stop")
                self.page = gr.DownloadButton(
                    "Export as page", size="sm", interactive=False, elem_id=f"{where}-change-page"
                )
            self.board = Board(elem_id=f"{where}-branches-board")
            self.table = gr.HTML("", elem_id=f"{where}-change-table")
            self.tree = gr.Dropdown(
                [], label="Branches of this session", visible=False, elem_id=f"{where}-tree", filterable=False,
                info="Choose one to see it in the player; it can be branched again.",
            )  # fmt: skip
            self._many(where)
        self.branches = gr.State([])
        self.pick = gr.Textbox("", visible=False)  # a State would not take what the browser sends
        self.ticket = gr.State(None)

    def _many(self, where: str) -> None:
        gr.Markdown("#### Once is chance: plant it many times")
        with gr.Row(elem_classes="many"):
            self.count = Dial(
                8,
                64,
                step=8,
                value=16,
                label="Runs",
                info="Each from its own seed.",
                elem_id=f"{where}-many",
                buttons=[],
            )
            self.share = Dial(
                0.1, 0.95, step=0.05, value=0.7, label="Planted at", info="Share of the steps.",
                elem_id=f"{where}-many-at", buttons=[],
            )  # fmt: skip
        self.many = gr.Button("Plant in all of them", size="sm", elem_id=f"{where}-many-run", elem_classes="another")
        self.found = gr.HTML("", elem_id=f"{where}-many-table")

    def listen(self, panel: Panel, player: Player, outcome: Outcome, shown: gr.State) -> None:
        """Connects it to the player and the settings of its workbench."""
        self.panel, self.player, self.outcome, self.shown = panel, player, outcome, shown
        self.how.input(lambda how: gr.Textbox(visible=how == "typed"), self.how, self.word, **UI_EVENT)
        buttons = [self.go, self.many, self.stop]
        begun = self.go.click(
            self.begin, self.pick, [*buttons, self.ticket, self.pick], js=_PICKED % self.where, queue=False, **UI_EVENT
        )
        asked = [self.ticket, self.pick, shown, self.branches, self.how, self.word, self.samplers, self.beside]
        outputs = [self.board, self.table, self.page, self.tree, self.branches, *buttons]
        begun.then(self.branch, [*asked, *self.panel.inputs], outputs, concurrency_id=MODEL_QUEUE, **UI_EVENT)
        self.stop.click(self.stopped, self.ticket, self.stop, queue=False, **UI_EVENT)
        self.tree.input(self.chosen, [self.tree, self.branches], [player, *outcome.outputs, shown], **UI_EVENT)
        planting = self.many.click(self.begin, self.pick, [*buttons, self.ticket, self.pick], queue=False, **UI_EVENT)
        planting.then(
            self.plant_many, [self.ticket, self.count, self.share, self.samplers, *self.panel.inputs],
            [self.found, *buttons], concurrency_id=MODEL_QUEUE, **UI_EVENT,
        )  # fmt: skip

    def begin(self, pick: str) -> Changes:
        """At once, before its turn has come; `pick` is what the player shows."""
        return {
            self.go: gr.Button(interactive=False), self.many: gr.Button(interactive=False),
            self.stop: gr.Button(interactive=True), self.ticket: RUNS.press(), self.pick: pick,
        }  # fmt: skip

    def _ready(self) -> Changes:
        return {
            self.go: gr.Button(interactive=True), self.many: gr.Button(interactive=True),
            self.stop: gr.Button(interactive=False),
        }  # fmt: skip

    def stopped(self, ticket: str | None) -> gr.Button:
        """The runs see it within a step."""
        RUNS.pressed(ticket).stop()
        return gr.Button(interactive=False)

    # One change

    def branch(
        self,
        ticket: str | None,
        pick: str,
        shown: Sample | None,
        branches: list[Branch],
        how: str,
        word: str,
        samplers: list[str],
        beside: bool,
        *values: Any,
    ) -> Iterator[Changes]:
        """Go on from the step shown, with each sampler, and beside them unchanged."""
        try:
            step, position = picked(pick, shown, how)
            base = of_trace(self.panel.orders(values)[0], shown)
            wishes = self._wishes(base, shown, step, position, how, word, samplers, beside)
            made = yield from show(wishes, RUNS.pressed(ticket), self.board, self.table, self.page, {})
        except Exception as error:
            yield self._ready()
            raise failure(error, "The runs") from error
        grown = grow(branches, shown, [wish.title for wish in wishes], made)
        names = [(each.label, place) for place, each in enumerate(grown)]
        yield {**self._ready(), self.branches: grown, self.tree: gr.Dropdown(names, value=None, visible=True)}

    def _wishes(
        self,
        base: RunRequest,
        shown: Sample,
        step: int,
        position: int,
        how: str,
        word: str,
        samplers: Sequence[str],
        beside: bool,
    ) -> list[BranchRequest]:
        if not samplers or len(samplers) + beside > MOST_PANES:
            raise ValueError(f"Choose one to {MOST_PANES - beside} samplers to go on with")
        change: Change | None = None
        what = "unchanged"
        if how != "keep":
            live = pane(BranchRequest(base, trace=shown.trace, step=step)).live
            change = chosen_token(live, state_after(shown.trace, step), position, how, word)
            token = "masked" if how == "mask" else f"“{live.pieces([change.token])[change.token].strip()}” planted"
            what = f"position {position} {token}" if how == "mask" else f"{token} at {position}"
        after = f"from step {step}"
        plain = [BranchRequest(base, f"Unchanged {after}", shown.trace, step, paused=how != "keep")] if beside else []
        return plain + [
            BranchRequest(replace(base, settings=resettled(base.settings, each, {})),
                 f"{METHODS[each or base.settings.sampler].title} {after}, {what}", shown.trace, step, change)
            for each in samplers
        ]  # fmt: skip

    def chosen(self, place: int | None, branches: list[Branch]) -> Changes:
        """Show a branch in the player."""
        if place is None:
            return {self.player: gr.skip()}
        branch = branches[place]
        message = branch.sample.message(f"branch {branch.number}: {branch.title}")
        return {**self.outcome.of(branch.sample), self.player: message, self.shown: branch.sample}

    # Many

    def plant_many(
        self, ticket: str | None, count: float, share: float, samplers: list[str], *values: Any
    ) -> Iterator[Changes]:
        """Plant in N runs and follow them with each sampler."""
        press = RUNS.pressed(ticket)
        try:
            order = self.panel.orders(values)[0]
            chosen = {METHODS[each or order.settings.sampler].title + ("" if each else " (as set)"):
                      resettled(order.settings, each, {}) for each in samplers}  # fmt: skip
            step = max(1, round(float(share or 0.7) * order.settings.steps))
            caption = (
                f"{int(count or 8)} runs, an unlikely token planted in each after step {step} of "
                f"{order.settings.steps}; shares with Wilson's 95 % interval"
            )
            for doing, tallies in experiment(order, chosen, step, int(count or 8)):
                rows = [row(name, tally) for name, tally in tallies.items()]
                status = f"{caption} · now {doing} …" if doing else caption
                yield {self.found: grid(status, HEADINGS, rows)}
                if press.halt.is_set():
                    break
        except Exception as error:
            yield self._ready()
            raise failure(error, "The runs") from error
        yield self._ready()


def picked(pick: str, shown: Sample | None, how: str) -> tuple[int, int]:
    """The step and position that the player shows.

    Raises:
        ValueError: where there is none to change.
    """
    seen = json.loads(pick or "{}")
    if shown is None or seen.get("status") == "empty":
        raise ValueError("There is no run to change yet: press Run first")
    if seen.get("live"):
        raise ValueError("The run still goes on: wait for its end or stop it first")
    step, position = seen.get("step"), seen.get("selected")
    if type(step) is not int or not 0 <= step <= len(shown.trace.steps):
        raise ValueError("The step shown is no step of this run")
    if how != "keep" and (type(position) is not int or not 0 <= position < shown.trace.length):
        raise ValueError("Choose a token in the player first: the one to change")
    return step, position if type(position) is int else -1


def of_trace(order: RunRequest, shown: Sample | None) -> RunRequest:
    """The settings at the side for the run that is shown: its model, its seed and what it asked for."""
    run = shown.trace.run if shown else {}
    domain = order.domain
    asked = domain.ask(**run["asked"]) if run.get("asked") else None
    seed, index = run.get("seed", order.seed), run.get("index", 0)
    return replace(order, model=domain.model(run.get("model")), seed=seed, index=index, asked=asked or order.asked)


def grow(branches: list[Branch], shown: Sample | None, titles: Sequence[str], made: Sequence[Sample]) -> list[Branch]:
    """The tree with new branches under the run that they came from, in the order of their numbers."""
    parent = str(shown.trace.run.get("branch", "")) if shown else ""
    known = {each.number for each in branches}
    grown = list(branches)
    for title, sample in zip(titles, made, strict=True):
        place = 1
        while (number := f"{parent}.{place}".lstrip(".")) in known:
            place += 1
        known.add(number)
        trace = replace(sample.trace, run={**sample.trace.run, "branch": number})
        grown.append(Branch(number, title, replace(sample, trace=trace)))
    return sorted(grown, key=lambda each: [int(part) for part in each.number.split(".")])
