"""Live theory: what ReMDM promises, measured in seconds on a language of five words whose denoiser is exact."""

import gradio as gr

from remdm.app.components.ranges import Dial
from remdm.app.events import SIDE_QUEUE, Changes, Values, on
from remdm.evaluation.theorems import CORRECTORS, LENGTH, marginals, twins
from remdm.sampling.methods import settings
from remdm.sampling.presets import METHODS
from remdm.views.chains import panel, side_by_side
from remdm.views.charts import measured_chart, remask_chart

SHOWN = 12
"""Chains side by side in a picture."""


def independent() -> list[tuple[str, str]]:
    """Samplers whose sigma does not depend on the tokens, as (title, name): those that the theorem is about."""
    return [
        (method.title, name)
        for name, method in METHODS.items()
        if method.transition == "ancestral" and method.weighting == "even"
    ]


class Theory:
    """Builds the tab; its callbacks are the methods below."""

    def __init__(self) -> None:
        gr.Markdown(
            "### Any σ keeps the marginals (Theorem 3.1)\nHowever strongly tokens are sent back, after each step the "
            "share of decoded positions must be α: as much is decoded again as is remasked. Choose a sampler and a "
            "strength, and measure it over many chains. The dots should lie in the band around 0. (Remasking by "
            "confidence is not in the list: its σ depends on the tokens, and the theorem does not cover that.)",
            elem_classes=["prose", "chapter"],
        )  # fmt: skip
        with gr.Row(elem_classes="pane-controls"):
            self.sampler = gr.Dropdown(independent(), value="remdm-rescale", label="Sampler", filterable=False,
                                       elem_id="theory-sampler")  # fmt: skip
            self.eta = Dial(0, 1, step=0.01, value=0.5, label="Strength · η", buttons=[], elem_id="theory-eta")
            self.chains = Dial(50, 2000, step=50, value=400, label="Chains", buttons=[], elem_id="theory-chains")
        with gr.Row(elem_classes="files"):
            self.measure = gr.Button("Measure", variant="primary", size="sm", elem_id="theory-run")
        self.notes = gr.HTML("", elem_id="theory-said", elem_classes="said")
        with gr.Row(elem_classes="charts"):
            self.chart = gr.Plot(show_label=False, visible=False, elem_id="theory-chart")
            self.remasks = gr.Plot(show_label=False, visible=False, elem_id="theory-remasks")
        self._twins()
        gr.Markdown(
            "### Standing still, they do nothing; the loop works (Proposition 4.4)\nThe σ of both correctors (FB, DFM) "
            "is proportional to the progress, α_s − α_t: where α stands still, it is 0. ReMDM-loop remasks exactly "
            "there. So ReMDM can do what no choice of their coefficients can.", elem_classes=["prose", "chapter"],
        )  # fmt: skip
        with gr.Row(elem_classes="files"):
            self.hold = gr.Button("Hold α and count", variant="primary", size="sm", elem_id="theory-still")
        self.counted = gr.HTML("", elem_id="theory-counted", elem_classes="said")
        with gr.Row(elem_classes="charts"):
            self.held = gr.Plot(show_label=False, visible=False, elem_id="theory-held")
        outputs = {self.notes, self.chart, self.remasks}
        on(self.measure.click, self.measured, {self.sampler, self.eta, self.chains}, outputs, **SIDE_QUEUE)
        on(self.both.click, self.paired, {self.corrector, self.steps, self.seed}, self.pictures, **SIDE_QUEUE)
        on(self.hold.click, self.stood_still, None, {self.counted, self.held}, **SIDE_QUEUE)

    def _twins(self) -> None:
        gr.Markdown(
            "### Two older correctors are ReMDM with a certain σ (Propositions 4.2 and 4.3)\nThe forward-backward "
            "corrector (Campbell et al. 2022) and DFM (Gat et al. 2024) are written with two coefficients: masked "
            "positions decode a = 1 + b times as fast as MDLM's, decoded ones go back b times as fast. ReMDM with "
            "σ = b (α_s − α_t) / α_t is the same sampler. Here both run with the same random numbers, against "
            "ReMDM with another σ: the first two pictures must not differ in a single cell.",
            elem_classes=["prose", "chapter"],
        )  # fmt: skip
        with gr.Row(elem_classes="pane-controls"):
            self.corrector = gr.Radio(
                [(METHODS[name].title, name) for name in CORRECTORS], value="fb", label="Corrector",
                elem_id="theory-corrector",
            )  # fmt: skip
            self.steps = Dial(4, 48, step=1, value=24, label="Steps · T", buttons=[], elem_id="theory-steps")
            self.seed = Dial(0, 999, step=1, value=1, label="Seed", buttons=[], elem_id="theory-seed")
        with gr.Row(elem_classes="files"):
            self.both = gr.Button("Run both", variant="primary", size="sm", elem_id="theory-twins")
        self.pictures = gr.HTML("", elem_id="theory-pictures", elem_classes="said")

    def measured(self, values: Values) -> Changes:
        """The marginals of many chains."""
        sampler, eta, chains = values[self.sampler], values[self.eta], values[self.chains]
        strength = {"eta": float(eta)} if "eta" in settings(sampler, 32).values else {}
        found = marginals(settings(sampler, 32, **strength), chains, 1)
        sentences = (
            f"{chains * LENGTH} positions, {found.remasks.sum():.1f} remasks a chain. The measurement leaves the 95 % "
            f"band at {found.outside} of {len(found.alpha)} steps. Neighbouring steps hang together, so that one "
            "excursion by chance counts several times; more chains narrow the band."
        )
        return {
            self.notes: f'<p role="status">{sentences}</p>',
            self.chart: gr.Plot(measured_chart(found.alpha, found.measured, found.reach), visible=True),
            self.remasks: gr.Plot(remask_chart({METHODS[sampler].title: found.remasks}), visible=True),
        }

    def paired(self, values: Values) -> str:
        """A corrector as its own paper writes it, as ReMDM, and ReMDM with another sigma, cell by cell."""
        corrector = values[self.corrector]
        found = twins(corrector, values[self.steps], SHOWN, values[self.seed])
        first, name = found[0], METHODS[corrector].title
        titles = (f"{name}, its own coefficients", f"ReMDM with the σ of {name}", "ReMDM, σ at most 0.1")
        apart = [each.differs(first) for each in found]
        panels = [
            panel(title, each.states, differs, each.words)
            for title, each, differs in zip(titles, found, apart, strict=True)
        ]
        sentence = (
            f"{SHOWN} chains of five letters: {int(apart[1].sum())} of {apart[1].size:,} cells differ between {name} "
            f"and its twin, {int(apart[2].sum()):,} from ReMDM with another σ."
        )
        return side_by_side(panels, sentence)

    def stood_still(self) -> Changes:
        """Remasks a step of three rules in the same loop."""
        rules = {"ReMDM-loop": "cap", "FB": "fb", "DFM": "dfm"}
        chosen = {
            name: settings("remdm-loop", 64, rule=rule, **({"eta": 0.1} if rule == "cap" else {}))
            for name, rule in rules.items()
        }
        found = {name: marginals(each, 300, 1) for name, each in chosen.items()}
        counts = "; ".join(f"{name} {each.remasks[each.held].sum():.2f}" for name, each in found.items())
        held = int(found["DFM"].held.sum())
        return {
            self.counted: f'<p role="status">Remasks a chain while α is held, {held} steps: {counts}.</p>',
            self.held: gr.Plot(remask_chart({name: each.remasks for name, each in found.items()}), visible=True),
        }
