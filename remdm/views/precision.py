"""32-bit against 64-bit noise: a figure against T, with what is true as a dotted line."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from remdm.views.curves import GREY, layout, log_ticks
from remdm.views.frontier import COLOURS

Row = Mapping[str, str]
TOPK_STAGES = {"32": (COLOURS[1], "square"), "64": (COLOURS[3], "circle")}
"""Colour and mark of the bits."""


def _line(rows: Sequence[Row], column: str, dash: str) -> dict:
    first = rows[0]
    colour, mark = TOPK_STAGES[first["bits"]]
    values = [[float(row[f"{column}{end}"]) for end in ("", "_low", "_high")] for row in rows]
    return {
        "type": "scatter", "mode": "lines+markers", "name": f"{first['bits']} bits, {first['sampler']}",
        "x": [int(row["steps"]) for row in rows], "y": [value for value, _, _ in values],
        "line": {"color": colour, "width": 1.5, "dash": dash},
        "marker": {"symbol": mark if dash == "solid" else f"{mark}-open", "size": 9, "color": colour},
        "error_y": {"type": "data", "symmetric": False, "thickness": 1, "width": 3,
                    "array": [high - value for value, _, high in values],
                    "arrayminus": [value - low for value, low, _ in values]},
        "customdata": [[row["samples"], low, high] for row, (_, low, high) in zip(rows, values, strict=True)],
        "hovertemplate": "%{y:.4~g} (%{customdata[1]:.4~g} to %{customdata[2]:.4~g}), T = %{x}, n = %{customdata[0]}"
                         "<extra>%{fullData.name}</extra>",
    }  # fmt: skip


def figure(rows: Sequence[Row], column: str, title: str, true: float | None = None) -> go.Figure:
    """A line for each way of drawing and each number of bits; `true` is what the language itself has."""
    data, ways = [], list(dict.fromkeys(row["sampler"] for row in rows))
    for place, way in enumerate(ways):
        for bits in TOPK_STAGES:
            own = [row for row in rows if (row["sampler"], row["bits"]) == (way, bits)]
            own.sort(key=lambda row: int(row["steps"]))
            if own:
                data.append(_line(own, column, "dot" if place else "solid"))
    ticks = sorted({int(row["steps"]) for row in rows})
    line = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": true, "y1": true,
            "line": {"color": GREY, "width": 1, "dash": "dash"}}  # fmt: skip
    note = {"text": "the language itself", "x": 0, "xref": "paper", "xanchor": "left", "y": true, "yanchor": "bottom",
            "showarrow": False, "font": {"size": 11}}  # fmt: skip
    return go.Figure(data, layout(
        title, 400, 0.16, log_ticks(ticks, "T"), {},
        shapes=[] if true is None else [line], annotations=[] if true is None else [note],
    ))  # fmt: skip
