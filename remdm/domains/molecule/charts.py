"""Histograms of generated molecules against those of QM9, as Plotly figures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from remdm.domains.molecule.novelty import QED_EDGES, Known
from remdm.domains.molecule.properties import Measured, properties
from remdm.later import Later
from remdm.views.plot import AXIS, BLUE, GREY, over_steps

if TYPE_CHECKING:
    import plotly.graph_objects as go
else:  # half a second, which only charts need
    go = Later("plotly.graph_objects")


def histograms(found: Measured, facts: Known) -> "dict[str, go.Figure]":
    """Rings and QED of the valid molecules, as shares; none where nothing is valid."""
    if not found.valid:
        return {}
    measured = [properties(each) for each in found.valid]
    most = max(len(facts.rings) - 1, *(each.rings for each in measured))
    counts = np.bincount([each.rings for each in measured], minlength=most + 1)
    rings = np.pad(facts.rings, (0, most + 1 - len(facts.rings)))
    bins = np.histogram(found.values("qed", "valid"), QED_EDGES)[0]
    middle = (QED_EDGES[:-1] + QED_EDGES[1:]) / 2
    return {
        "rings": _histogram("Rings", list(range(most + 1)), counts, rings),
        "qed": _histogram("Drug-likeness, QED", middle.round(4).tolist(), bins, facts.qed),
    }


def _histogram(title: str, x: Sequence[float], generated: np.ndarray, qm9: np.ndarray) -> "go.Figure":
    """Shares of the generated ones as bars, of QM9 as a stepped line."""
    bars = {
        "type": "bar", "x": x, "y": generated / max(1, generated.sum()), "name": "these", "marker": {"color": BLUE},
        "hovertemplate": "%{y:.1%}",
    }  # fmt: skip
    steps = {
        "type": "scatter", "x": x, "y": qm9 / max(1, qm9.sum()), "name": "QM9", "mode": "lines",
        "hovertemplate": "%{y:.1%}", "line": {"color": GREY, "width": 2, "shape": "hvh", "dash": "dot"},
    }  # fmt: skip
    shares = {**AXIS, "rangemode": "tozero", "tickformat": ".0%"}
    return go.Figure([bars, steps], over_steps(title, 40, bargap=0.15, yaxis=shares))
