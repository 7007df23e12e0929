"""How varied stories are: the entropy of what they are about."""

from collections.abc import Mapping, Sequence
from functools import cache

from remdm.domains.text.checker.report import Report
from remdm.domains.text.storyworld import STORIES, World, generate
from remdm.evaluation.metrics.diversity import token_entropy

KINDS = (
    "ungrammatical", "pronoun", "name", "colour", "object", "count", "place", "spot", "day", "weather", "time",
    "young", "feeling", "article", "owner", "order", "ending",
)  # fmt: skip
"""Every kind of issue that the checker knows."""

DRAWN = ("plot", "hero", "key")
"""What the world draws for a story before all else."""


def _entropies(about: Sequence[Mapping[str, str | None]]) -> dict[str, float]:
    """Entropy in nats of the values that are known, by name, and the mean of them."""
    found = {name: token_entropy(value for each in about if (value := each[name]) is not None) for name in DRAWN}
    return found | {"mean": sum(found.values()) / len(found)}


@cache
def world_entropy(stories: int = 2000, world: World = STORIES) -> dict[str, float]:
    """The same entropies of as many stories drawn from the world itself, so that few stories compare fairly."""
    keys = {plot.name: plot.key for plot in world.plots}
    drawn = [generate(seed, world=world) for seed in range(stories)]
    rows = ((story.plot, story.state["hero"], story.state[keys[story.plot]]) for story in drawn)
    return _entropies([dict(zip(DRAWN, row, strict=True)) for row in rows])


def drawn(report: Report) -> dict[str, str | None]:
    """What a story is about, by name: its plot, its hero, and the object that the plot is about."""
    return dict(zip(DRAWN, (report.plot, report.state.get("hero"), report.key), strict=True))


def entropies(reports: Sequence[Report]) -> dict[str, float]:
    """Entropy in nats of the plot, the hero and the key object of stories, and their mean."""
    return _entropies([drawn(report) for report in reports])
