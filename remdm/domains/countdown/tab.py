"""The Countdown tab: the workbench; and on Measure pass@1 of many samplers, measured live and beforehand."""

from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from remdm import limits
from remdm.app.components.ranges import Dial
from remdm.app.components.run_controls import RunControls
from remdm.app.events import Changes, Values
from remdm.app.workbench.workbench import Workbench
from remdm.domains.countdown.domain import COUNTDOWN, EMBEDDED
from remdm.domains.countdown.problems import RANGES, test_problems
from remdm.domains.countdown.race import Standing, race
from remdm.domains.countdown.scores import Line, summary
from remdm.evaluation.measurement import Measurement
from remdm.evaluation.sweeps import results
from remdm.models.checkpoints import total_parameters
from remdm.models.network import compute
from remdm.paths import ASSETS
from remdm.runs.domain import Domain
from remdm.sampling.methods import Settings, build, settings
from remdm.sampling.presets import METHODS
from remdm.serving.streamed_runs import RunGroup
from remdm.views.bars import Entry, board

MEASURED = ASSETS / "results" / "countdown.csv"
YOURS = "as set on its tab"
FIRST = ("mdlm", "llada", "remdm-llada", "remdm-loop")
AGAIN = {f"{name} restarts=3": (name, 3) for name in ("mdlm", "llada")}
"""Samplers that never revise, with several answers to spend their network evaluations on."""
ABOUT = """### How often is it right?
**pass@1** is the share of problems whose first answer keeps every rule. All samplers get the same held-out problems,
the same random numbers and the same number of steps T; network evaluations (NFE) are counted, since an answer that
never changes again needs no more of them than it has words. *Likeliest of 3* spends as many as remasking does: three
answers, of which the one that the model was most confident of counts."""


class CountdownTab:
    """Builds the tab inside `gr.Blocks`; its callbacks are the methods below."""

    def __init__(self, domain: Domain, recorded: Path, measurement: Measurement | None) -> None:
        self.bench = Workbench(domain, recorded, measurement)

    def measures(self) -> None:
        """Builds what it adds to Measure."""
        with gr.Column(elem_classes="race"):
            gr.Markdown(ABOUT)
            self._controls()
            with gr.Row(elem_classes="race-actions"):
                self.controls = RunControls(
                    "Measure", "countdown-measure", "countdown-measure-stop", "The measurement", min_width=120
                )
            self.live = gr.HTML("", elem_id="countdown-live")
            self.before = gr.HTML(measured(MEASURED), elem_id="countdown-measured")
        asked = {self.samplers, self.steps, self.problems, self.seeds, *self.bench.panel.inputs}
        self.controls.cancels(self.controls.begins(self.controls.run.click, self.measure, asked, {self.live}))

    def _controls(self) -> None:
        names = [name for name in (*METHODS, *AGAIN, YOURS) if name != "maskgit"]
        self.samplers = gr.CheckboxGroup(
            [(_title(name), name) for name in names], value=list(FIRST), label="Samplers",
            elem_id="countdown-race-samplers", elem_classes="many",
            info="With their papers' settings; the last with the settings of the tab Countdown, whose model all take.",
        )  # fmt: skip
        with gr.Row(elem_classes="race-asked"):
            self.steps = Dial(
                1, 256, step=1, value=32, label="Steps · T", elem_id="countdown-race-steps", buttons=[],
                info="An answer has 11 words; the paper takes 32 steps and 64.",
            )  # fmt: skip
            self.problems = Dial(
                10, 1000, step=10, value=100, label="Problems", elem_id="countdown-race-problems", buttons=[],
                info="Neither their numbers nor their target were in training.",
            )  # fmt: skip
            self.seeds = Dial(
                1, 5, step=1, value=2, label="Seeds", elem_id="countdown-race-seeds", buttons=[],
                info="From two on, the interval is over them.",
            )  # fmt: skip

    def measure(self, values: Values, group: RunGroup) -> Iterator[Changes]:
        """Measure, showing the standings as they change."""
        steps, problems, seeds = (values[each] for each in (self.steps, self.problems, self.seeds))
        chosen = {_title(name): self._settings(name, steps, values) for name in values[self.samplers]}
        restarts = {_title(name): count for name, (_, count) in AGAIN.items()}
        model = next((each for each in EMBEDDED if each.name == values[self.bench.panel.model]), COUNTDOWN)
        loaded, asked = model.load(compute()), test_problems(RANGES[model.name])
        denoiser, weights = loaded.denoiser, total_parameters(loaded.denoiser.network)
        made = sum(len(build(each)[1]) * restarts.get(name, 1) for name, each in chosen.items())
        limits.afford(weights * loaded.length * made * problems * seeds, loaded.compute.device.type == "cuda")
        for standings in race(denoiser, chosen, asked, problems, seeds, restarts, group.stopped):
            if group.stopped.is_set():
                return
            done = sum(each.done for each in standings.values()) / sum(each.total for each in standings.values())
            yield {
                self.live: standing_board(standings, f"{model.title}: T = {steps}, {problems} problems"),
                **self.controls.busy(f"Measuring … {100 * done:.0f}%"),
            }

    def _settings(self, name: str, steps: int, values: Values) -> Settings:
        if name == YOURS:
            return self.bench.panel.requests(values)[0].settings
        return settings(AGAIN[name][0] if name in AGAIN else name, steps)


def _gain(line: Line) -> str:
    """How many points more than its reference, with the interval, pair by pair of answers to the same problem."""
    if line.gain is None:
        return ""
    value, low, high = (f"{100 * share:+.1f}" for share in (line.gain.value, line.gain.low, line.gain.high))
    return f"{value} ({low} to {high}) on {_title(line.reference)}"


def _title(name: str) -> str:
    """A sampler's title, with what was changed in it behind."""
    if name in AGAIN:
        sampler, count = AGAIN[name]
        return f"{METHODS[sampler].title}, likeliest of {count}"
    sampler, _, changes = name.partition(" ")
    return f"{METHODS[sampler].title} {changes}".strip() if sampler in METHODS else name


def standing_board(standings: dict[str, Standing], caption: str) -> str:
    """The standings as a table."""
    entries = []
    for name, each in standings.items():
        facts = (f"{each.done} of {each.total}", f"{sum(each.solved)}", f"{each.nfe:.1f}" if each.done else "–")
        entries.append(Entry(name, facts, each.pass1, each.done / each.total))
    return board(entries, ("answers", "solved", "NFE"), "pass@1, 95% interval", caption)


def measured(path: Path) -> str:
    """What was measured beforehand, model by model: a table for each T; empty if the file is not there."""
    rows = [row for row in results.newest(results.read(path)) if row["domain"] == "countdown"]
    each = [(model.title, [row for row in rows if row["model"] == model.name]) for model in EMBEDDED]
    return "".join(_measured(title, own) for title, own in each if own)


def _measured(title: str, rows: list[results.Row]) -> str:
    lines = summary(rows)
    made = []
    for steps in sorted({line.steps for line in lines}):
        entries = [
            Entry(_title(line.name), (_gain(line), f"{line.forwards:.1f}", f"{line.equations:.0%}"), line.solved)
            for line in lines
            if line.steps == steps
        ]
        made.append(board(entries, ("gain", "NFE", "equations right"), "pass@1, 95% interval", f"T = {steps}"))
    seeds, problems = max(line.seeds for line in lines), max(int(row["problems"]) for row in rows)
    counted = f"{seeds} seed{'' if seeds == 1 else 's'}"
    head = (
        f"<h3>Measured beforehand: {title}</h3><p>{problems:,} held-out problems, up to {counted}, by <code>python -m "
        "remdm evaluate countdown</code>. Intervals are over seeds where there are three or more, else over problems."
        "</p>"
    )
    return f'<div class="measured">{head}{"".join(made)}</div>'


TAB = CountdownTab
