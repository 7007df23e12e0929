"""The tables that can be repeated, one entry each: what was published, how each of its rows is drawn, and by what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from remdm.studies import published
from remdm.studies.published import Published
from remdm.studies.reproduce.experiment import Experiment, Line
from remdm.studies.reproduce.imagenet import ImageNet
from remdm.studies.reproduce.llada import Countdown, TruthfulQA
from remdm.studies.reproduce.molecules import Molecules
from remdm.studies.reproduce.openwebtext import OpenWebText


@dataclass(frozen=True)
class Panel:
    """A published table and its rows.

    Attributes:
        published: its figures. lines: its rows as they are drawn.
        place: (a column's number) -> T and the condition (see `Experiment.conditions`); the number is T by default.
        column: what the numbers are called.
    """

    published: Published
    lines: Sequence[Line]
    place: Callable[[int], tuple[int, str]] = lambda number: (number, "")
    column: str = "T"


@dataclass(frozen=True)
class Table:
    """What `reproduce` knows by a name."""

    name: str
    experiment: Experiment
    panels: Sequence[Panel]
    about: str = ""


SEDD = Line("SEDD absorb", why="its checkpoint is a file of another model family, which this project does not load")
MDLM, FB, DFM = Line("MDLM", "mdlm"), Line("MDLM + forward-backward", "fb"), Line("MDLM + DFM", "dfm")
LOOP = {"eta": 0.02, "t_on": 0.55, "t_off": 0.05, "alpha_on": 0.9}
LLADA = (
    Line("LLaDA", "llada"),
    Line("LLaDA-DFM", why="the authors published no code of it; `llada-dfm` here is built after its description"),
)


def _remdm_llada(swaps: int) -> Line:
    return Line("LLaDA-ReMDM", "remdm-llada", {"swaps": swaps}, passes=2)


_PRECISION = replace(
    published.OWT_LONG,
    source=f"{published.PAPER}, Table 1, MDLM",
    rows={"MDLM": published.OWT_LONG.rows["MDLM"]},
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table("owt-table1", OpenWebText(), (
            Panel(published.OWT_LONG, (SEDD, MDLM, FB, DFM, Line("ReMDM (loop, cap 0.02)", "remdm-loop", LOOP))),
            Panel(published.OWT_SHORT, (SEDD, MDLM, FB, DFM, Line("ReMDM (cap 0.04)", "remdm-cap", {"eta": 0.04}))),
        )),
        Table("owt-table6", OpenWebText(), (
            Panel(published.STRATEGIES_LONG, (
                Line("cap 0.008", "remdm-cap", {"eta": 0.008}), Line("loop 0.02", "remdm-loop", LOOP),
                Line("rescale 0.015", "remdm-rescale", {"eta": 0.015}),
            )),
            Panel(published.STRATEGIES_SHORT, (
                Line("cap 0.04", "remdm-cap", {"eta": 0.04}),
                Line("loop 0.055", "remdm-loop", {**LOOP, "eta": 0.055}),
                Line("rescale 0.045", "remdm-rescale", {"eta": 0.045}),
            )),
        )),
        Table("imagenet-table2", ImageNet(), (
            Panel(published.IMAGENET, (
                Line("MaskGIT", "maskgit", {"temperature": 1.0, "choice_temperature": 4.5}), Line("MDLM", "mdlm"),
                Line("ReMDM (rescale 0.05)", "remdm-rescale", {"eta": 0.05}),
            )),
        )),
        Table("countdown-table3", Countdown(), (Panel(published.COUNTDOWN, (*LLADA, _remdm_llada(1))),)),
        Table("truthfulqa", TruthfulQA(), (Panel(published.TRUTHFULQA, (*LLADA, _remdm_llada(4))),)),
        Table("qm9-figure4", Molecules(), (
            Panel(published.QM9, (
                Line("forward-backward", "fb"), Line("DFM", "dfm"),
                Line("ReMDM (rescale 0.9, conf, loop)", "remdm-loop"),
            ), lambda t: (t, "1")),
            Panel(published.FRONTIER, (
                Line("MDLM", "mdlm"), Line("ReMDM (rescale 0.9, conf, loop)", "remdm-loop"),
            ), lambda scale: (128, str(scale)), "γ"),
        )),
        Table("precision", OpenWebText(), (
            Panel(_PRECISION, (Line("MDLM", "mdlm"), Line("MDLM, 32-bit noise", "mdlm", {"precision": 32}))),
        ), "The paper draws its Gumbel noise in 64 bits and prints no row of 32. On a language that is known exactly: "
           "`python -m remdm precision`."),
    )
}  # fmt: skip
"""By name. A further table is a row here, and its numbers in published.py."""
