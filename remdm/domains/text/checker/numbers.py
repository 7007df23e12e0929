"""The numbers of the tables: how right the stories of a sampler are, and how varied."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import log

from remdm.domains.text.checker.report import OPEN, Report
from remdm.domains.text.storyworld import generate
from remdm.domains.text.storyworld.plots import PLOTS

KINDS = (
    "ungrammatical", "pronoun", "name", "colour", "object", "count", "place", "spot", "day", "weather", "time",
    "young", "feeling", "article", "owner", "order", "ending",
)  # fmt: skip
"""Every kind of error the checker knows."""

_DRAWN = ("plot", "hero", "key")


def _entropy(values: Iterable[str | None]) -> float:
    """Entropy in nats of the values that are known."""
    counts = Counter(value for value in values if value is not None)
    total = sum(counts.values())
    return -sum(count / total * log(count / total) for count in counts.values())


def _mean(entropies: dict[str, float]) -> dict[str, float]:
    return entropies | {"mean": sum(entropies.values()) / len(entropies)}


@cache
def world_entropy(stories: int = 2000) -> dict[str, float]:
    """The same entropies of as many stories drawn from the world itself, so that few stories compare fairly."""
    keys = {plot.name: plot.key for plot in PLOTS}
    drawn = [generate(seed) for seed in range(stories)]
    rows = [(story.plot, story.state["hero"], story.state[keys[story.plot]]) for story in drawn]
    return _mean({name: _entropy(row[at] for row in rows) for at, name in enumerate(_DRAWN)})


@dataclass(frozen=True)
class _Counts:
    closed: int
    right: int
    parsed: int
    errors: Counter[str]
    in_parsed: Counter[str]


def _count(reports: Sequence[Report]) -> _Counts:
    closed = right = parsed = 0
    errors, in_parsed = Counter(), Counter()
    for report in reports:
        spans = [span for span in report.sentences if span.status != OPEN]
        closed += len(spans)
        right += sum(span.status == "ok" for span in spans)
        read = [span for span in spans if span.parsed]
        parsed += len(read)
        for error in report.errors:
            errors[error.kind] += 1
            at = error.positions[0]
            in_parsed[error.kind] += any(span.start <= at < span.stop for span in read)
    return _Counts(closed, right, parsed, errors, in_parsed)


def summary(reports: Sequence[Report]) -> dict:
    """The numbers of a set of stories.

    Returns:
        `stories`; shares `perfect`, `distinct` (of stories), `faultless` and `grammatical` (of sentences without
        masks); `errors`, a story by kind; `errors_per_parsed`, by kind the errors in sentences that parse per such
        sentence, since a story that hardly parses can hardly contradict itself; `entropy` and `world_entropy` in
        nats over the drawn plot, hero and key object, and their mean, of as many stories.

    Raises:
        ValueError: without any report.
    """
    if not reports:
        raise ValueError("a summary needs at least one report")
    stories, found = len(reports), _count(reports)
    return {
        "stories": stories,
        "perfect": sum(report.perfect for report in reports) / stories,
        "faultless": found.right / max(1, found.closed),
        "grammatical": found.parsed / max(1, found.closed),
        "errors": {kind: found.errors[kind] / stories for kind in KINDS},
        "errors_per_parsed": {kind: found.in_parsed[kind] / max(1, found.parsed) for kind in KINDS},
        "distinct": len({report.words for report in reports}) / stories,
        "entropy": _mean({name: _entropy(_drawn(report, name) for report in reports) for name in _DRAWN}),
        "world_entropy": world_entropy(stories),
    }


def _drawn(report: Report, name: str) -> str | None:
    return {"plot": report.plot, "hero": report.state.get("hero"), "key": report.key}[name]
