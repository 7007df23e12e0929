"""The parts that a sampler is put together from, as tables: how much, which tokens, when, and who decodes.

Each row brings the knobs of its class; whatever has a control, a flag or a place in a link finds it here.
"""

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field
from typing import Any

from remdm.sampling.adaptive import Adaptive, EntropyBound, Factor, Threshold
from remdm.sampling.annealed import Annealed, EvenOdds
from remdm.sampling.gibbs import Corrections, MaskedGibbs
from remdm.sampling.halton import Halton
from remdm.sampling.klass import Klass
from remdm.sampling.knobs import knobs
from remdm.sampling.p2 import PathPlanning
from remdm.sampling.prism import Prism
from remdm.sampling.rcr import RunningConfidence
from remdm.sampling.remasking import (
    Cap,
    CapRescale,
    Confidence,
    Corrector,
    Never,
    Remasking,
    Rescale,
    Rescored,
    Star,
    Switch,
    WhileHeld,
    Window,
    bump,
    flat,
)
from remdm.sampling.saber import Saber
from remdm.sampling.t2m import TokenToMask
from remdm.sampling.time_grid import Capped, Draft, Grid, Plateau, PlateauTimes, Uniform
from remdm.sampling.tolerator import DraftThenRefine, Refill
from remdm.sampling.top_confidence import EvenCounts, MaskgitCounts, TopConfidence
from remdm.sampling.transition import Ancestral
from remdm.sampling.wino import WideInNarrowOut


@dataclass(frozen=True)
class Part:
    """One choice of a table: its title on the page, what it does, the knobs it brings and how it is made."""

    title: str
    help: str
    make: Callable[..., Any]
    knobs: Mapping[str, Field] = field(default_factory=dict)


def _part(
    title: str, kind: type, make: Callable[..., Any] | None = None, only: tuple[str, ...] = (), hint: str = ""
) -> Part:
    """A part that brings the knobs of a class, or only some; its hint is the docstring's first line if not given."""
    brought = {name: each for name, each in knobs(kind).items() if not only or name in only}
    return Part(title, hint or (kind.__doc__ or "").splitlines()[0], make or kind, brought)


RULES: dict[str, Part] = {
    "never": _part("never", Never),
    "cap": _part("capped", Cap),
    "rescale": _part("rescaled", Rescale),
    "cap-rescale": _part("capped and rescaled", CapRescale),
    "fb": Part("forward-backward", "The corrector of Campbell et al. 2022 as a sigma.", lambda: Corrector(flat)),
    "dfm": Part("DFM corrector", "The corrector of Gat et al. 2024 as a sigma.", lambda: Corrector(bump)),
    "star": _part("star-shaped", Star),
}
"""How much is remasked."""

WEIGHTINGS: dict[str, Part] = {
    "even": Part("uniform", "Every decoded token is equally likely to go.", lambda inner: inner),
    "conf": _part("unsure when decoded", Confidence),
    "rescored": _part("unsure now", Rescored),
}
"""Which tokens are remasked more than others."""


@dataclass(frozen=True)
class Plan:
    """The times visited, and the wrapper that says when remasking is on."""

    grid: Grid
    when: Callable[[Remasking], Remasking] = lambda rule: rule


def _in_time(kind: type, title: str) -> Part:
    """Equal steps, and a rule's wrapper of this kind that says when remasking is on."""
    return _part(title, kind, lambda **values: Plan(Uniform(), lambda rule: kind(rule, **values)))


PLANS: dict[str, Part] = {
    "always": Part("at every step", "Equal steps, remasking on throughout.", lambda: Plan(Uniform())),
    "switch": _in_time(Switch, "late only"),
    "loop": _part("loop, by share of steps", Plateau, lambda **values: Plan(Plateau(**values), WhileHeld)),
    "loop-times": _part(
        "loop, by schedule time", PlateauTimes, lambda **values: Plan(PlateauTimes(**values), WhileHeld)
    ),
    "capped": Part("short steps", "Steps short enough for the DFM corrector.", lambda: Plan(Capped(bump))),
    "draft": _part("draft, revise, complete", Draft, lambda **values: Plan(Draft(**values))),
    "refine": _part("draft, then refine", DraftThenRefine, lambda **values: Plan(DraftThenRefine(**values))),
    "correct": _part("with correctors, late", Corrections, lambda **values: Plan(Corrections(**values))),
    "odds": _part("even steps of log-odds", EvenOdds, lambda: Plan(EvenOdds())),
    # behind the loops, whose words the page has for t_on and t_off
    "window": _in_time(Window, "between two times"),
}
"""When remasking is on, and which times are visited."""
HOLDING = frozenset({"loop", "loop-times", "draft"})
"""Plans that hold alpha for a while: then masked positions decode by sigma alone, and never if theirs is zero."""

TRANSITIONS: dict[str, Part] = {
    "ancestral": Part("each position alone", "Every position decides alone, by the posterior.", Ancestral),
    "maskgit": _part(
        "most confident first (MaskGIT)",
        TopConfidence,
        lambda **values: TopConfidence(MaskgitCounts(), tempered=True, **values),
        ("choice_temperature",),
    ),
    "llada": _part(
        "most confident first (LLaDA)",
        TopConfidence,
        lambda **values: TopConfidence(EvenCounts(), **values),
        ("order",),
        "Even numbers of tokens a step, the most confident first.",
    ),
    "llada-loop": _part(
        "most confident first, swapping while held",
        TopConfidence,
        lambda **values: TopConfidence(EvenCounts(), **values),
        ("swaps", "order"),
        "Even numbers; while alpha is held, the least sure tokens are remasked and as many decoded.",
    ),
    "llada-swap": _part(
        "most confident first, swapping always",
        TopConfidence,
        lambda **values: TopConfidence(EvenCounts(), held_only=False, **values),
        ("swaps", "order"),
        "Remasks and decodes again at every step. The paper's own code of this baseline is not public.",
    ),
    "rcr": _part("most confident of old and new (RCR)", RunningConfidence),
    "p2": _part("all scored anew (P2)", PathPlanning),
    "threshold": _part("all above a threshold", Threshold, lambda **values: Adaptive(Threshold(**values))),
    "factor": _part("all by a factor", Factor, lambda **values: Adaptive(Factor(**values))),
    "entropy-bound": _part("all within an entropy", EntropyBound, lambda **values: Adaptive(EntropyBound(**values))),
    "klass": _part("all that are sure and steady (KLASS)", Klass),
    "refill": _part("draft, then draw hidden ones anew (Tolerator)", Refill),
    "gibbs": _part("each alone, and drawn anew (Gibbs)", MaskedGibbs),
    "wino": _part("many in, the doubtful out (WINO)", WideInNarrowOut),
    "prism": _part("the worst by a trained head out (PRISM)", Prism),
    "saber": _part("above the mean so far (Saber)", Saber),
    "t2m": _part("above a threshold, the doubtful out (T2M)", TokenToMask),
    "annealed": _part("all forgotten alike, the most confident kept", Annealed),
    "halton": _part("far from each other (Halton)", Halton),
}
"""How the positions that decode are chosen."""

TABLES = {"transition": TRANSITIONS, "rule": RULES, "weighting": WEIGHTINGS, "plan": PLANS}
TABLE_HELP = {
    "transition": "How positions are chosen for decoding.",
    "rule": "The rule for sigma, the probability of remasking.",
    "weighting": "Which decoded tokens are remasked more than others.",
    "plan": "When remasking is on, and which times are visited.",
}


def applicable(parts: Mapping[str, str]) -> dict[str, Field]:
    """The knobs that the chosen parts bring, by name."""
    found: dict[str, Field] = {}
    for table, row in parts.items():
        if parts["transition"] != "ancestral" and table in ("rule", "weighting"):
            continue  # exact counts leave no room for a sigma
        found.update(TABLES[table][row].knobs)
    return found


def part_knobs() -> dict[str, Field]:
    """Every knob that any part brings, by name, in the order of the tables."""
    found: dict[str, Field] = {}
    for table in TABLES.values():
        for part in table.values():
            for name, each in part.knobs.items():
                found.setdefault(name, each)
    return found
