"""32-bit against 64-bit noise: a figure against T, with what is true as a dashed line."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from remdm.later import Later
from remdm.views.curves import layout, log_ticks
from remdm.views.interval import Interval
from remdm.views.plot import COLOURS, GREY, bars

if TYPE_CHECKING:
    import plotly.graph_objects as go
else:  # half a second, which only charts need
    go = Later("plotly.graph_objects")

Row = Mapping[str, str]
TOPK_STAGES = {"32": (COLOURS[1], "square"), "64": (COLOURS[3], "circle")}
"""Colour and mark of the bits."""


def _line(rows: Sequence[Row], column: str, dash: str) -> dict:
    first = rows[0]
    colour, mark = TOPK_STAGES[first["bits"]]
    values = [Interval.of(row, column) for row in rows]
    return {
        "type": "scatter", "mode": "lines+markers", "name": f"{first['bits']} bits, {first['sampler']}",
        "x": [int(row["steps"]) for row in rows], "y": [each.value for each in values],
        "line": {"color": colour, "width": 1.5, "dash": dash},
        "marker": {"symbol": mark if dash == "solid" else f"{mark}-open", "size": 9, "color": colour},
        "error_y": bars(values),
        "customdata": [[row["samples"], each.low, each.high] for row, each in zip(rows, values, strict=True)],
        "hovertemplate": "%{y:.4~g} (%{customdata[1]:.4~g} to %{customdata[2]:.4~g}), T = %{x}, n = %{customdata[0]}"
                         "<extra>%{fullData.name}</extra>",
    }  # fmt: skip


def figure(rows: Sequence[Row], column: str, title: str, true: float | None = None) -> "go.Figure":
    """A line for each way of drawing and each number of bits; `true` is what the language itself has."""
    data, ways = [], list(dict.fromkeys(row["sampler"] for row in rows))
    for place, way in enumerate(ways):
        for bits in TOPK_STAGES:
            own = [row for row in rows if (row["sampler"], row["bits"]) == (way, bits)]
            own.sort(key=lambda row: int(row["steps"]))
            if own:
                data.append(_line(own, column, "dot" if place else "solid"))
    ticks = sorted({int(row["steps"]) for row in rows})
    if true is not None:
        line = {"color": GREY, "width": 1, "dash": "dash"}
        data.append({"type": "scatter", "mode": "lines", "name": "the language itself", "line": line,
                     "x": [ticks[0], ticks[-1]], "y": [true, true], "hoverinfo": "skip"})  # fmt: skip
    return go.Figure(data, layout(title, 400, 0.16, log_ticks(ticks, "T"), {}))
