"""Plotly charts of one run, drawn once when it ends."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from remdm.trace import Trace
from remdm.views.messages import mean_sigma
from remdm.views.numbers import counts

BLUE, ORANGE, GREY, INK = "#1f6fb2", "#c8570c", "#8a8f98", "#5b616b"


def _style(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        height=height, margin={"l": 52, "r": 16, "t": 40, "b": 44}, paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)", font={"color": GREY, "size": 12},
        legend={"orientation": "h", "y": -0.16, "x": 0}, hovermode="x unified", template="none",
    )  # fmt: skip
    figure.update_xaxes(gridcolor="rgba(128,128,128,.18)", zeroline=False, color=GREY)
    figure.update_yaxes(gridcolor="rgba(128,128,128,.18)", zeroline=False, rangemode="tozero", color=GREY)
    figure.update_annotations(font={"size": 13, "color": GREY}, x=0, xanchor="left", xref=None)
    return figure


def run_chart(trace: Trace, errors: list[int] | None) -> go.Figure:
    """Masks, sigma, remasks and (where a checker exists) errors over the steps of a run."""
    total = counts(trace)
    x = np.arange(1, len(trace.steps) + 1)
    titles = ["Masked positions", "Remasking probability σ", "Remasked tokens, summed"] + (["Errors found"] if errors is not None else [])
    figure = make_subplots(rows=len(titles), cols=1, shared_xaxes=True, vertical_spacing=0.09, subplot_titles=titles)
    line = {"width": 2}
    figure.add_scatter(x=x, y=total.masked, name="masked", line={**line, "color": BLUE}, row=1, col=1)
    figure.add_scatter(x=x, y=total.expected_masked, name="expected L(1 − α)", line={**line, "color": GREY, "dash": "dot"}, row=1, col=1)
    sigma = [mean_sigma(frame) for frame in trace.steps]
    figure.add_scatter(x=x, y=sigma, name="σ used", line={**line, "color": ORANGE, "shape": "hv"}, row=2, col=1)
    figure.add_scatter(
        x=x, y=[frame.sigma_max for frame in trace.steps], name="σ max", line={**line, "color": GREY, "dash": "dot"}, row=2, col=1
    )
    figure.add_scatter(x=x, y=total.remasked.cumsum(), name="remasked", line={**line, "color": ORANGE}, row=3, col=1)
    figure.add_scatter(
        x=x, y=total.expected_remasked.cumsum(), name="expected", line={**line, "color": GREY, "dash": "dot"}, row=3, col=1
    )
    if errors is not None:
        figure.add_scatter(x=x, y=errors, name="errors", line={**line, "color": INK, "shape": "hv"}, fill="tozeroy", row=4, col=1)
    figure.update_xaxes(title_text="step", row=len(titles), col=1)
    return _style(figure, 190 * len(titles) + 60)
