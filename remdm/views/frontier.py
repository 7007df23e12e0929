"""The frontier of novelty and property as a Plotly figure, laid out as the paper's Figure 4."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

COLOURS = ("#8a8f98", "#cf5f12", "#6b4fa0", "#2478bd", "#2b8a3e", "#c8327f")
MARKS = ("circle", "square", "diamond", "star", "cross", "triangle-up")
FONT = "Source Sans Pro, ui-sans-serif, system-ui, sans-serif"
AXES = {"rings": "mean number of rings of the novel ones", "qed": "mean QED of the novel ones"}


@dataclass(frozen=True)
class Spot:
    """One sampler at one guidance scale: samples so far, the share that is novel, the property's mean over these."""

    sampler: str
    scale: float
    samples: int
    novel: float
    mean: float | None
    low: float | None = None
    high: float | None = None


def figure(spots: Sequence[Spot], property: str, title: str, most: float | None = None) -> go.Figure:
    """A line a sampler, a mark a guidance scale; right is more novel, up is more of the property.

    Args:
        spots: what was measured; those without a novel molecule have no place on it.
        property: `rings` or `qed`.
        title: what stands above.
        most: the property's 90th percentile in QM9, drawn as a line.
    """
    made = go.Figure()
    names = list(dict.fromkeys(spot.sampler for spot in spots))
    for place, name in enumerate(names):
        own = sorted((s for s in spots if s.sampler == name and s.mean is not None), key=lambda s: s.scale)
        means = [s.mean or 0.0 for s in own]
        made.add_scatter(
            x=[100 * s.novel for s in own], y=means, name=name, mode="lines+markers+text",
            text=[f"{s.scale:g}" for s in own], textposition="top center",
            textfont={"size": 11}, line={"color": COLOURS[place % len(COLOURS)], "width": 1.5},
            marker={"symbol": MARKS[place % len(MARKS)], "size": 9},
            error_y={
                "type": "data", "symmetric": False, "thickness": 1, "width": 2,
                "array": [(s.high or mean) - mean for s, mean in zip(own, means, strict=True)],
                "arrayminus": [mean - (s.low or mean) for s, mean in zip(own, means, strict=True)],
            },
            customdata=[[s.scale, s.samples] for s in own],
            hovertemplate=(
                "γ = %{customdata[0]:g}: %{y:.3g} at %{x:.1f}% novel, of %{customdata[1]}"
                "<extra>%{fullData.name}</extra>"
            ),
        )  # fmt: skip
    if most is not None:
        made.add_hline(y=most, line={"color": "#8a8f98", "width": 1, "dash": "dot"})
    _look(made, property, title)
    return made


def _look(made: go.Figure, property: str, title: str) -> None:
    made.update_layout(
        title={"text": title, "x": 0, "xref": "paper", "y": 0.985, "yanchor": "top", "font": {"size": 14}},
        height=420, margin={"l": 54, "r": 14, "t": 78, "b": 46}, paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)", font={"family": FONT, "size": 12, "color": "#8a8f98"}, template="none",
        dragmode=False, hovermode="closest",
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left"},
    )  # fmt: skip
    axis = {"gridcolor": "rgba(128,128,128,.2)", "zeroline": False, "fixedrange": True}
    made.update_xaxes(**axis, title={"text": "novel molecules, % of all samples", "standoff": 6})
    made.update_yaxes(**axis, title={"text": AXES.get(property, property), "standoff": 6})
