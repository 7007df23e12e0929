"""Live theory: what ReMDM promises, measured in seconds on a language of five words whose denoiser is exact."""

from typing import Any

import gradio as gr

from remdm.evaluation.theory import LENGTH, marginals
from remdm.methods import METHODS, settings
from remdm.tabs.controls import Dial
from remdm.tabs.reactions import QUIET
from remdm.tabs.refusal import refusal
from remdm.views.charts import measured_chart, remask_chart

ALONE = [
    (method.title, name)
    for name, method in METHODS.items()
    if method.transition == "ancestral" and method.weighting == "even"
]
"""Samplers whose sigma does not depend on the tokens: those that the theorem is about."""


class Theory:
    """Builds the tab; its callbacks are the methods below."""

    def __init__(self) -> None:
        gr.Markdown(
            "### Any σ keeps the marginals (Theorem 3.1)\nHowever strongly tokens are sent back, after each step the "
            "share of decoded positions must be α: as much is decoded again as is remasked. Choose a sampler and a "
            "strength, and measure it over many chains. The dots should lie in the band. (Remasking by "
            "confidence is not in the list: its σ depends on the tokens, and the theorem does not cover that.)",
            elem_classes="prose",
        )  # fmt: skip
        with gr.Row(elem_classes="pane-controls"):
            self.sampler = gr.Dropdown(ALONE, value="remdm-rescale", label="Sampler", filterable=False,
                                       elem_id="theory-sampler")  # fmt: skip
            self.eta = Dial(0, 1, step=0.01, value=0.5, label="Strength · η", buttons=[], elem_id="theory-eta")
            self.chains = Dial(50, 2000, step=50, value=400, label="Chains", buttons=[], elem_id="theory-chains")
        with gr.Row(elem_classes="files"):
            self.go = gr.Button("Measure", variant="primary", size="sm", elem_id="theory-run")
        self.said = gr.HTML("", elem_id="theory-said", elem_classes="said")
        with gr.Row(elem_classes="charts"):
            self.chart = gr.Plot(show_label=False, elem_id="theory-chart")
            self.remasks = gr.Plot(show_label=False, elem_id="theory-remasks")
        gr.Markdown(
            "### Standing still, DFM does nothing; the loop works (section 4.1, Proposition 4.3)\nThe correctors of "
            "Gat et al. (DFM) and of Campbell et al. (forward-backward) are ReMDM with a σ that is proportional to the "
            "progress α_s − α_t. Where α stands still, their σ is 0. ReMDM-loop remasks exactly there.",
            elem_classes="prose",
        )  # fmt: skip
        with gr.Row(elem_classes="files"):
            self.still = gr.Button("Hold α and count", variant="primary", size="sm", elem_id="theory-still")
        self.counted = gr.HTML("", elem_id="theory-counted", elem_classes="said")
        self.held = gr.Plot(show_label=False, visible=False, elem_id="theory-held")
        outputs = [self.said, self.chart, self.remasks]
        self.go.click(self.measured, [self.sampler, self.eta, self.chains], outputs, **QUIET)
        self.still.click(self.stood_still, None, [self.counted, self.held], **QUIET)

    def measured(self, sampler: str, eta: float | None, chains: float | None) -> list[Any]:
        """The marginals of many chains."""
        try:
            strength = (
                {} if "eta" not in settings(sampler, 32).values else {"eta": float(eta if eta is not None else -1)}
            )
            found = marginals(settings(sampler, 32, **strength), int(chains or 0), 1)
        except ValueError as error:
            raise refusal(error) from error
        steps = len(found.alpha)
        said = (
            f"{int(chains or 0) * LENGTH} positions, {found.remasks.sum():.1f} remasks a chain. The measurement leaves "
            f"the 95 % band at {found.outside} of {steps} steps. Neighbouring steps hang together, so that one "
            "excursion by chance counts several times; more chains narrow the band."
        )
        return [f'<p role="status">{said}</p>', measured_chart(found.alpha, found.measured, found.reach),
                remask_chart({METHODS[sampler].title: found.remasks})]  # fmt: skip

    def stood_still(self) -> list[Any]:
        """Remasks a step of three rules in the same loop."""
        rules = {"ReMDM-loop": "cap", "forward-backward": "fb", "DFM": "dfm"}
        chosen = {
            name: settings("remdm-loop", 64, rule=rule, **({"eta": 0.1} if rule == "cap" else {}))
            for name, rule in rules.items()
        }
        found = {name: marginals(each, 300, 1) for name, each in chosen.items()}
        told = "; ".join(f"{name} {each.remasks[each.held].sum():.2f}" for name, each in found.items())
        said = f'<p role="status">Remasks a chain while α is held, {int(found["DFM"].held.sum())} steps: {told}.</p>'
        chart = remask_chart({name: each.remasks for name, each in found.items()})
        return [said, gr.Plot(value=chart, visible=True)]
