"""How all charts look: colours and marks, bars of intervals, the layout. Text and grid take the page's own colours."""

from collections.abc import Sequence
from typing import Any

from remdm.views.interval import Interval

BLUE, ORANGE, GREY, PINK = "#2478bd", "#cf5f12", "#8a8f98", "#c8327f"
COLOURS = (GREY, ORANGE, "#6b4fa0", BLUE, "#2b8a3e", PINK)
MARKS = ("circle", "square", "diamond", "star", "cross", "triangle-up")
AXIS = {"gridcolor": "rgba(128,128,128,.2)", "zeroline": False, "fixedrange": True}
ABOVE = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left"}
"""A legend between title and chart."""


def layout_of(title: str, height: int, margin: Sequence[int], top: float = 0.985, **more: Any) -> dict[str, Any]:
    """A figure's layout: its title, the margins left, right, above and below, and what else Plotly takes."""
    font = {"family": "Source Sans Pro, ui-sans-serif, system-ui, sans-serif", "size": 12, "color": GREY}
    clear = "rgba(0,0,0,0)"
    return {
        "title": {"text": title, "x": 0, "xref": "paper", "y": top, "yanchor": "top", "font": {"size": 14}},
        "height": height, "margin": dict(zip("lrtb", margin, strict=True)), "paper_bgcolor": clear,
        "plot_bgcolor": clear, "font": font, "template": "none", "dragmode": False, "hovermode": "closest",
        "legend": ABOVE, "xaxis": AXIS, "yaxis": AXIS, **more,
    }  # fmt: skip


def over_steps(title: str, left: int, **more: Any) -> dict[str, Any]:
    """The layout of the small charts of one run or set, whose numbers come up together where the pointer is."""
    return layout_of(
        title, 230, (left, 10, 58, 36), 0.97, hovermode="x unified", legend={**ABOVE, "itemclick": False}, **more
    )


def bars(values: Sequence[Interval], scale: float = 1.0, width: int = 3) -> dict[str, Any]:
    return {
        "type": "data", "symmetric": False, "thickness": 1, "width": width,
        "array": [scale * (each.high - each.value) for each in values],
        "arrayminus": [scale * (each.value - each.low) for each in values],
    }  # fmt: skip


def level(y: float | None, words: str) -> dict[str, Any]:
    """A line across the chart with words at its right end; nothing for None."""
    line = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": y, "y1": y,
            "line": {"color": GREY, "width": 1, "dash": "dot"}}  # fmt: skip
    note = {"text": words, "x": 1, "xref": "paper", "xanchor": "right", "y": y, "yanchor": "bottom",
            "showarrow": False, "font": {"size": 11}}  # fmt: skip
    return {"shapes": [] if y is None else [line], "annotations": [] if y is None else [note]}
