"""Plotly charts of one run, drawn once when it ends. Text and grid take their colours from the page's styles."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from remdm.later import Later
from remdm.runs.trace import Trace
from remdm.views.numbers import counts
from remdm.views.plot import AXIS, BLUE, GREY, ORANGE, PINK, over_steps

if TYPE_CHECKING:
    import plotly.graph_objects as go
else:  # half a second, which only charts need
    go = Later("plotly.graph_objects")


def _chart(title: str, x: np.ndarray, lines: Sequence[dict]) -> "go.Figure":
    """Lines over the steps. Each is a mapping of what Plotly's scatter takes; `dash` stands for the expected one.

    The figure is made from one mapping: adding part by part has Plotly check all of it again each time, 14 ms for 2.
    """
    data = []
    for line in lines:
        look = {"width": 1.5 if "dash" in line else 2, "color": line["color"], "shape": line.get("shape", "linear")}
        if "dash" in line:
            look["dash"] = line["dash"]
        data.append({
            "type": "scatter", "x": x, "y": line["y"], "name": line["name"], "line": look, "mode": "lines",
            "fill": line.get("fill"), "fillcolor": line.get("fillcolor"),
            "hovertemplate": f"%{{y:{line.get('format', '.3~g')}}}",
        })  # fmt: skip
    axis = {**AXIS, "nticks": 6}
    steps = {
        **axis, "spikethickness": 1, "spikecolor": GREY, "spikedash": "solid", "range": [0.5, max(2, len(x)) + 0.5],
        "title": {"text": "step", "standoff": 4},
    }  # fmt: skip
    axes = {"xaxis": steps, "yaxis": {**axis, "rangemode": "tozero"}}
    return go.Figure(data, over_steps(title, 34, showlegend=len(lines) > 1, **axes))


def run_charts(trace: Trace, errors: Sequence[int] | None) -> "dict[str, go.Figure | None]":
    """The charts of a run by name; no chart of errors where nothing was checked."""
    total = counts(trace)
    x = np.arange(1, len(trace.steps) + 1)
    bound = [frame.sigma_max for frame in trace.steps]
    dotted = {"color": GREY, "dash": "dot"}
    made: dict[str, go.Figure | None] = {
        "masks": _chart("Masked positions", x, [
            {"name": "masked", "y": total.masked, "color": BLUE},
            {"name": "expected", "y": total.expected_masked, **dotted},
        ]),
        "sigma": _chart("Remasking probability", x, [
            {"name": "σ used", "y": total.sigma, "color": ORANGE, "shape": "hvh"},
            {"name": "σ max", "y": bound, **dotted},
        ]),
        "remasks": _chart("Remasked tokens, summed", x, [
            {"name": "remasked", "y": total.remasked.cumsum(), "color": ORANGE},
            {"name": "expected", "y": total.expected_remasked.cumsum(), **dotted, "format": ".1f"},
        ]),
        "errors": None,
    }  # fmt: skip
    if errors is not None:
        line = {"name": "errors", "y": list(errors), "color": PINK, "shape": "hvh", "fill": "tozeroy"}
        made["errors"] = _chart("Errors found", x, [{**line, "fillcolor": "rgba(200,50,127,.18)"}])
    return made


def measured_chart(alpha: np.ndarray, measured: np.ndarray, reach: np.ndarray) -> "go.Figure":
    """How far the decoded share after each step is from alpha, with the band where 95 % of measurements should lie."""
    x = np.arange(1, len(alpha) + 1)
    clear = {"color": "rgba(36,120,189,0)", "format": "+.3f"}
    figure = _chart("Decoded share, measured minus α", x, [
        {"name": "upper", "y": reach, **clear},
        {"name": "95 % band", "y": -reach, **clear, "fill": "tonexty", "fillcolor": "rgba(36,120,189,.2)"},
        {"name": "α", "y": 0 * alpha, "color": BLUE, "format": "+.3f"},
    ])  # fmt: skip
    figure.data[0].showlegend = figure.data[1].showlegend = False
    dots = {"mode": "markers", "marker": {"color": ORANGE, "size": 6}, "hovertemplate": "%{y:+.3f}"}
    figure.add_scatter(x=x, y=measured - alpha, name="measured", **dots)
    figure.update_yaxes(rangemode="normal")
    return figure


def remask_chart(remasks: Mapping[str, np.ndarray]) -> "go.Figure":
    """Remasks a chain at each step, by sampler."""
    x = np.arange(1, max(map(len, remasks.values())) + 1)
    dashes = ("solid", "dash", "dot")
    lines = [
        {"name": name, "y": values, "color": colour, **({} if dash == "solid" else {"dash": dash})}
        for (name, values), colour, dash in zip(remasks.items(), (ORANGE, BLUE, PINK), dashes, strict=False)
    ]
    return _chart("Remasked a chain and step", x, lines)
