"""Quality against measured forwards as a Plotly figure, and the same numbers as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from remdm.later import Later
from remdm.views.comparison import grid
from remdm.views.interval import Interval
from remdm.views.plot import AXIS, COLOURS, MARKS, bars, layout_of, level

if TYPE_CHECKING:
    import plotly.graph_objects as go
else:  # half a second, which only charts need
    go = Later("plotly.graph_objects")

MORE_MARKS = ("triangle-down", "x", "pentagon", "hexagram", "triangle-left", "hourglass", "bowtie")
"""Marks of a second round through the colours; with one more than two rounds no pair comes back soon."""
FRONT = "rgba(128, 138, 154, 0.32)"
TICKS = [digit * 10**power for power in range(4) for digit in (1, 2, 3, 5)]


@dataclass(frozen=True)
class Point:
    """One sampler with its changes at one number of steps; the interval is the value alone where there is none."""

    sampler: str
    title: str
    changes: str
    steps: int
    forwards: float
    value: Interval
    n: int

    @property
    def label(self) -> str:
        """The sampler's title, and what was changed in it."""
        return f"{self.title} ({self.changes})" if self.changes else self.title


def look(place: int) -> tuple[str, str]:
    """Colour and mark of the sampler that is at this place of the list; no two of seventy-eight have both alike."""
    return COLOURS[place % len(COLOURS)], (MARKS + MORE_MARKS)[place % (len(MARKS) + len(MORE_MARKS))]


def _line(points: Sequence[Point], place: int, share: bool, live: bool) -> dict[str, Any]:
    """One sampler's points; what was measured just now is hollow and has no line."""
    colour, mark = look(place)
    scale = 100.0 if share else 1.0
    unit = "%" if share else ""
    first = points[0]
    changed = "(" in first.label
    return {
        "type": "scatter", "name": f"yours: {first.label}" if live else first.label,
        "x": [each.forwards for each in points], "y": [scale * each.value.value for each in points],
        "mode": "markers" if live else "lines+markers",
        "line": {"color": colour, "width": 1.5, "dash": "dot" if changed else "solid"},
        "marker": {"symbol": f"{mark}-open" if live else mark, "size": 13 if live else 9, "color": colour,
                   "line": {"width": 2.5 if live else 0, "color": colour}},
        "error_y": bars([each.value for each in points], scale),
        "customdata": [
            [each.steps, each.n, scale * each.value.low, scale * each.value.high] for each in points
        ],
        "hovertemplate": (
            f"%{{y:.3~g}}{unit} (%{{customdata[2]:.3~g}} to %{{customdata[3]:.3~g}}{unit})<br>%{{x:.4~g}} forwards, "
            "T = %{customdata[0]}, n = %{customdata[1]}<extra>%{fullData.name}</extra>"
        ),
    }  # fmt: skip


def layout(
    title: str, height: int, legend: float, xaxis: dict[str, Any], yaxis: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """How a chart over a logarithmic axis looks; `legend` is how far below it the legend stands."""
    below = {"orientation": "h", "x": 0, "y": -legend, "yanchor": "top", "xanchor": "left"}
    x, y = {**AXIS, "type": "log", **xaxis}, {**AXIS, **yaxis}
    return layout_of(title, height, (46, 14, 40, 46), legend=below, xaxis=x, yaxis=y, **more)


def log_ticks(values: Sequence[int], title: str) -> dict[str, Any]:
    """Ticks at these values, with a title below."""
    return {"tickvals": values, "ticktext": [f"{each:,}" for each in values], "title": {"text": title, "standoff": 6}}


def front(points: Sequence[Point], lower: bool = False) -> list[Point]:
    """The points of which none costs as little or less and is better: the Pareto front, the cheapest first."""
    sign = -1 if lower else 1
    best: list[Point] = []
    for point in sorted(points, key=lambda each: (each.forwards, -sign * each.value.value)):
        if not best or sign * (point.value.value - best[-1].value.value) > 0:
            best.append(point)
    return best


def _band(best: Sequence[Point], share: bool) -> dict[str, Any]:
    """The front as a broad line of steps behind the others."""
    scale = 100.0 if share else 1.0
    return {
        "type": "scatter", "name": "best for its cost", "mode": "lines", "hoverinfo": "skip",
        "x": [each.forwards for each in best], "y": [scale * each.value.value for each in best],
        "line": {"color": FRONT, "width": 8, "shape": "hv"},
    }  # fmt: skip


def figure(
    points: Sequence[Point], live: Sequence[Point], samplers: Sequence[str], title: str, share: bool,
    world: float | None = None, lower: bool = False,
) -> "go.Figure":  # fmt: skip
    """A line a sampler over the network evaluations that it really made.

    Args:
        points: what was measured beforehand.
        live: what was measured just now.
        samplers: every sampler's name; the place in this list decides colour and mark.
        title: what is measured.
        share: whether it is a share, shown in percent.
        world: what the data themselves come to, drawn as a dotted line; None for nothing.
        lower: whether less is better.
    """
    data = []
    if len(best := front(points, lower)) > 1:
        data.append(_band(best, share))
    for some, is_live in ((points, False), (live, True)):
        for label in dict.fromkeys(each.label for each in some):
            own = [each for each in some if each.label == label]
            data.append(_line(own, samplers.index(own[0].sampler), share, is_live))
    height = None if world is None else (100.0 if share else 1.0) * world
    ticks = log_ticks(TICKS, "network evaluations (NFE) a sample, measured")
    return go.Figure(data, layout(
        title, 460, 0.14, ticks, {"ticksuffix": "%" if share else "", "rangemode": "nonnegative"}, showlegend=True,
        **level(height, "the data themselves"),
    ))  # fmt: skip


def table(points: Sequence[Point], live: Sequence[Point], title: str, share: bool) -> str:
    """The numbers behind the marks as HTML; every row says its n."""
    rows = [
        (f"{'yours: ' if mine else ''}{each.label}", str(each.steps), f"{each.forwards:.1f}",
         f"{each.value:{'.1%' if share else ''}}", f"{each.n:,}")
        for some, mine in ((live, True), (points, False)) for each in some
    ]  # fmt: skip
    return grid(f"{title}, with 95% intervals", ("", "T", "NFE", title, "n"), rows) if rows else ""
