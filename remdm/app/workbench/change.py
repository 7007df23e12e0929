"""Change something at a step and go on: plant an error, send a token back, branch with other settings."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import gradio as gr
from gradio.components import Component

from remdm.app.components.controls import choices
from remdm.app.components.ranges import Dial
from remdm.app.components.scripted_html import ScriptedHTML
from remdm.app.events import Changes, Values, ask_page, on
from remdm.app.samples import Sample
from remdm.app.workbench.compare import AS_SET, MOST_PANES, BoardControls, resettled
from remdm.app.workbench.outcome import Outcome
from remdm.app.workbench.settings import Panel
from remdm.evaluation.planted_errors import HEADINGS, experiment, row
from remdm.runs.branch import BranchRequest, pane, state_after
from remdm.runs.planting import Change, chosen_token
from remdm.runs.request import RunRequest
from remdm.sampling.methods import METHODS
from remdm.serving.streamed_runs import RunGroup
from remdm.views.comparison import grid

HOWS = (
    ("an unlikely token", "unlikely"), ("a random token", "random"), ("the token I type", "typed"),
    ("the mask", "mask"), ("what stands there", "keep"),
)  # fmt: skip
_IN_PLAYER = """() => {
  const player = document.querySelector("#%s-player .rp").__player;
  const { step, selected, live, status } = player ? player.state() : { status: "empty" };
  return JSON.stringify({ step, selected, live, status });
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
            self._one_change(where)
            self._experiment(where)
        self.controls.others = [self.experiment]
        self.branches = gr.State([])

    def _one_change(self, where: str) -> None:
        self.how = gr.Radio(
            list(HOWS), value="unlikely", label="Replace with", elem_id=f"{where}-how",
            info="Unlikely: the model gave it less than 1 %. What stands there: nothing but the settings changes.",
        )  # fmt: skip
        self.word = gr.Textbox(label="The token", visible=False, max_length=100, elem_id=f"{where}-word")
        self.samplers = gr.Dropdown(
            [("As set at the side", AS_SET), *choices()], value=["mdlm", AS_SET], multiselect=True,
            label="Continue with", elem_id=f"{where}-goon", info="One run for each of them, all from the same state.",
        )  # fmt: skip
        self.unchanged = gr.Checkbox(
            True, label="Also continue unchanged, as set at the side", elem_id=f"{where}-unchanged"
        )
        with gr.Row(elem_classes="files"):
            self.controls = BoardControls("Go on from here", f"{where}-change", waiting="Go on from here")
        self.controls.build_board(f"{where}-branches-board", f"{where}-change-table")
        self.tree = gr.Dropdown(
            [], label="Branches of this session", visible=False, elem_id=f"{where}-tree", filterable=False,
            info="Choose one to see it in the player; it can be branched again.",
        )  # fmt: skip

    def _experiment(self, where: str) -> None:
        gr.Markdown("#### Once is chance: plant it many times")
        with gr.Row(elem_classes="many"):
            self.count = Dial(
                8, 64, step=8, value=16, label="Runs", info="Each from its own seed.", elem_id=f"{where}-many",
                buttons=[],
            )  # fmt: skip
            self.share = Dial(
                0.1, 0.95, step=0.05, value=0.7, label="Planted at", info="Share of the steps.",
                elem_id=f"{where}-many-at", buttons=[],
            )  # fmt: skip
        self.experiment = gr.Button(
            "Run the experiment", size="sm", elem_id=f"{where}-many-run", elem_classes="another"
        )
        self.found = gr.HTML("", elem_id=f"{where}-many-table")

    def listen(self, panel: Panel, player: ScriptedHTML, outcome: Outcome, shown: gr.State) -> None:
        """Connects it to the player and the settings of its workbench."""
        self.panel, self.player, self.outcome, self.shown = panel, player, outcome, shown
        controls = self.controls
        on(self.how.input, lambda how: gr.Textbox(visible=how == "typed"), self.how, self.word)
        asked, self.in_player = ask_page(controls.run.click, _IN_PLAYER % self.where)
        changed = {self.in_player, shown, self.branches, self.how, self.word, self.samplers, self.unchanged}
        outputs: set[Component] = {*controls.outputs, self.tree, self.branches}
        controls.begins(asked.then, self.branch, {*changed, *panel.inputs}, outputs)
        many = {self.count, self.share, self.samplers, *panel.inputs}
        controls.begins(self.experiment.click, self.plant_many, many, {self.found})
        controls.ends()
        on(self.tree.input, self.chosen, {self.tree, self.branches}, {player, *outcome.outputs, shown})

    # One change

    def branch(self, values: Values, group: RunGroup) -> Iterator[Changes]:
        """Go on from the step shown, with each sampler, and unchanged too if that is asked for."""
        shown: Sample | None = values[self.shown]
        if shown is None:
            raise ValueError("There is no run to change yet: press Run first")
        requests = self._requests(values, shown)
        samples = yield from self.controls.show(requests, group, {})
        grown = grow(values[self.branches], shown, [request.title for request in requests], samples)
        names = [(each.label, place) for place, each in enumerate(grown)]
        yield {self.branches: grown, self.tree: gr.Dropdown(names, value=None, visible=True)}

    def _requests(self, values: Values, shown: Sample) -> list[BranchRequest]:
        how, samplers, unchanged = values[self.how], values[self.samplers], values[self.unchanged]
        step, position = picked(values[self.in_player], shown, how)
        base = of_trace(self.panel.requests(values)[0], shown)
        if not samplers or len(samplers) + unchanged > MOST_PANES:
            raise ValueError(f"Choose one to {MOST_PANES - unchanged} samplers to continue with")
        change: Change | None = None
        what = "unchanged"
        if how != "keep":
            prepared = pane(BranchRequest(base, trace=shown.trace, step=step)).prepared
            change = chosen_token(prepared, state_after(shown.trace, step), position, how, values[self.word])
            token = prepared.pieces([change.token])[change.token].strip()
            what = f"position {position} masked" if how == "mask" else f"“{token}” planted at {position}"
        after = f"from step {step}"
        plain = BranchRequest(base, f"Unchanged {after}", shown.trace, step, paused=how != "keep")
        return [plain] * unchanged + [
            BranchRequest(
                replace(base, settings=resettled(base.settings, each, {})),
                f"{METHODS[each or base.settings.sampler].title} {after}, {what}", shown.trace, step, change,
            )
            for each in samplers
        ]  # fmt: skip

    def chosen(self, values: Values) -> Changes:
        """Show a branch in the player."""
        if values[self.tree] is None:
            return {self.player: gr.skip()}
        branch: Branch = values[self.branches][values[self.tree]]
        message = branch.sample.message(f"branch {branch.number}: {branch.title}")
        return {**self.outcome.of(branch.sample), self.player: message, self.shown: branch.sample}

    # Many

    def plant_many(self, values: Values, group: RunGroup) -> Iterator[Changes]:
        """Plant in N runs and follow them with each sampler."""
        request, count = self.panel.requests(values)[0], values[self.count]
        settings, steps = request.settings, request.settings.steps
        chosen = {
            METHODS[each or settings.sampler].title + ("" if each else " (as set)"): resettled(settings, each, {})
            for each in values[self.samplers]
        }
        step = max(1, round(values[self.share] * steps))
        caption = (
            f"{count} runs, an unlikely token planted in each after step {step} of {steps}; shares with Wilson's 95 % "
            "interval"
        )
        for doing, tallies in experiment(request, chosen, step, count):
            rows = [row(name, tally) for name, tally in tallies.items()]
            yield {self.found: grid(f"{caption} · now {doing} …" if doing else caption, HEADINGS, rows)}
            if group.stopped.is_set():
                return


def picked(in_player: str, shown: Sample, how: str) -> tuple[int, int]:
    """The step and position that the player shows.

    Raises:
        ValueError: where there is none to change.
    """
    state = json.loads(in_player or "{}")
    if state.get("status") == "empty":
        raise ValueError("There is no run to change yet: press Run first")
    if state.get("live"):
        raise ValueError("The run still goes on: wait for its end or stop it first")
    step, position = state.get("step"), state.get("selected")
    if type(step) is not int or not 0 <= step <= len(shown.trace.steps):
        raise ValueError("The step shown is not a step of this run")
    if how != "keep" and (type(position) is not int or not 0 <= position < shown.trace.length):
        raise ValueError("Choose a token in the player first: the one to change")
    return step, position if type(position) is int else -1


def of_trace(request: RunRequest, shown: Sample) -> RunRequest:
    """The settings at the side for the run that is shown: its model, its seed and what it asked for."""
    run, domain = shown.trace.run, request.domain
    asked = domain.ask(**run["asked"]) if run.get("asked") else request.asked
    seed, index = run.get("seed", request.seed), run.get("index", 0)
    return replace(request, model=domain.model(run.get("model")), seed=seed, index=index, asked=asked)


def grow(branches: list[Branch], shown: Sample, titles: Sequence[str], samples: Sequence[Sample]) -> list[Branch]:
    """The tree with new branches under the run that they came from, in the order of their numbers."""
    parent = str(shown.trace.run.get("branch", ""))
    known = {each.number for each in branches}
    grown = list(branches)
    for title, sample in zip(titles, samples, strict=True):
        place = 1
        while (number := f"{parent}.{place}".lstrip(".")) in known:
            place += 1
        known.add(number)
        trace = replace(sample.trace, run={**sample.trace.run, "branch": number})
        grown.append(Branch(number, title, replace(sample, trace=trace)))
    return sorted(grown, key=lambda each: [int(part) for part in each.number.split(".")])
