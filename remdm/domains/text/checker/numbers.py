"""How varied stories are: the entropy of what they are about."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from math import log

from remdm.domains.text.checker.report import Report
from remdm.domains.text.storyworld import generate
from remdm.domains.text.storyworld.plots import PLOTS

KINDS = (
    "ungrammatical", "pronoun", "name", "colour", "object", "count", "place", "spot", "day", "weather", "time",
    "young", "feeling", "article", "owner", "order", "ending",
)  # fmt: skip
"""Every kind of issue that the checker knows."""

DRAWN = ("plot", "hero", "key")
"""What the world draws for a story before all else."""


def _entropy(values: Iterable[str | None]) -> float:
    """Entropy in nats of the values that are known."""
    counts = Counter(value for value in values if value is not None)
    return -sum(count / counts.total() * log(count / counts.total()) for count in counts.values())


def _mean(entropies: dict[str, float]) -> dict[str, float]:
    return entropies | {"mean": sum(entropies.values()) / len(entropies)}


@cache
def world_entropy(stories: int = 2000) -> dict[str, float]:
    """The same entropies of as many stories drawn from the world itself, so that few stories compare fairly."""
    keys = {plot.name: plot.key for plot in PLOTS}
    drawn = [generate(seed) for seed in range(stories)]
    rows = [(story.plot, story.state["hero"], story.state[keys[story.plot]]) for story in drawn]
    return _mean({name: _entropy(row[at] for row in rows) for at, name in enumerate(DRAWN)})


def drawn(report: Report) -> dict[str, str | None]:
    """What a story is about, by name: its plot, its hero, and the object that the plot is about."""
    return dict(zip(DRAWN, (report.plot, report.state.get("hero"), report.key), strict=True))


def entropies(reports: Sequence[Report]) -> dict[str, float]:
    """Entropy in nats of the plot, the hero and the key object of stories, and their mean."""
    about = [drawn(report) for report in reports]
    return _mean({name: _entropy(each[name] for each in about) for name in DRAWN})
