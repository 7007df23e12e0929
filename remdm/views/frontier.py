"""The frontier of novelty and property as a Plotly figure, laid out as the paper's Figure 4."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from remdm.later import Later
from remdm.views.interval import Interval
from remdm.views.plot import AXIS, COLOURS, GREY, MARKS, bars, layout_of

if TYPE_CHECKING:
    import plotly.graph_objects as go
else:  # half a second, which only charts need
    go = Later("plotly.graph_objects")

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


def figure(spots: Sequence[Spot], property: str, title: str, most: float | None = None) -> "go.Figure":
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
        means = [Interval(s.mean or 0.0, s.low or s.mean or 0.0, s.high or s.mean or 0.0) for s in own]
        made.add_scatter(
            x=[100 * s.novel for s in own], y=[each.value for each in means], name=name, mode="lines+markers+text",
            text=[f"{s.scale:g}" for s in own], textposition="top center",
            textfont={"size": 11}, line={"color": COLOURS[place % len(COLOURS)], "width": 1.5},
            marker={"symbol": MARKS[place % len(MARKS)], "size": 9},
            error_y=bars(means, width=2),
            customdata=[[s.scale, s.samples] for s in own],
            hovertemplate=(
                "γ = %{customdata[0]:g}: %{y:.3g} at %{x:.1f}% novel, of %{customdata[1]}"
                "<extra>%{fullData.name}</extra>"
            ),
        )  # fmt: skip
    if most is not None:
        made.add_hline(y=most, line={"color": GREY, "width": 1, "dash": "dot"})
    titles = ("novel molecules, % of all samples", AXES.get(property, property))
    x, y = ({**AXIS, "title": {"text": text, "standoff": 6}} for text in titles)
    return made.update_layout(layout_of(title, 420, (54, 14, 78, 46), xaxis=x, yaxis=y))
