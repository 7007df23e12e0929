"""What the paper's tables say, as comparisons that our own rows can agree with or not; the verdict is computed.

Two of our figures differ if their 95% intervals do not touch, which is stricter than a test of the difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remdm.evaluation.metrics.statistics import differ
from remdm.studies.published import Published
from remdm.views.interval import Interval, figure

AGREES, DISAGREES, MIXED, UNDECIDED, UNMEASURED = "agrees", "disagrees", "mixed", "undecided", "not measured"
Own = Mapping[int, Interval]
"""A figure of ours by T."""


@dataclass(frozen=True)
class Claim:
    """Something that the paper found.

    Attributes:
        words: what it says. holds: whether the published numbers say so, computed.
        verdict: of our rows. found: our numbers in words.
        why: how it is explained if ours say otherwise; empty leaves it open.
        unsure: why ours say nothing, where touching intervals are not all there is to it.
    """

    words: str
    holds: bool
    verdict: str
    found: str
    why: str = ""
    unsure: str = ""

    @property
    def line(self) -> str:
        sentence = f"- {self.words}: **{self.verdict}**{f' ({self.found})' if self.found else ''}."
        more = {
            UNDECIDED: self.unsure or "The intervals touch: more samples would tell.",
            DISAGREES: self.why or "Why is open.",
            MIXED: self.why or "Why is open.",
        }
        return f"{sentence} {more.get(self.verdict, '')}".strip()


def _verdict(signs: Sequence[int]) -> str:
    if not signs:
        return UNMEASURED
    if 1 in signs and -1 in signs:
        return MIXED
    return AGREES if 1 in signs else DISAGREES if -1 in signs else UNDECIDED


def better(
    words: str, published: Published, column: str, one: str, other: str, ours: tuple[Own, Own],
    spec: str = "", *, lower: tuple[bool, bool] = (False, False), **more: str,
) -> Claim:  # fmt: skip
    """One sampler is better than another at the largest T that was published; ours are compared at every T.

    `one` is the better sampler of the paper's table in this column, `other` the worse one; `ours` are both of ours by
    T, printed by `spec`. `lower` says whether less is better, in the paper's figure and in ours. `more`: see Claim.
    """
    theirs = [published.at(name, column) for name in (one, other)]
    last = max(set(theirs[0]) & set(theirs[1]))
    holds = theirs[0][last] < theirs[1][last] if lower[0] else theirs[0][last] > theirs[1][last]
    both = sorted(set(ours[0]) & set(ours[1]))
    verdict = _verdict([differ(ours[0][t], ours[1][t], lower[1]) for t in both])
    found = ", ".join(
        f"T = {t}: {figure(ours[0][t].value, spec)} against {figure(ours[1][t].value, spec)}" for t in both
    )
    return Claim(words, holds, verdict, found, **more)


def steady(
    words: str, published: Published, column: str, sampler: str, ours: Own, spec: str = "",
    **more: str,
) -> Claim:  # fmt: skip
    """A sampler gains nothing from the first to the last T: no more there, with touching intervals here."""
    theirs = published.at(sampler, column)
    first, last = min(theirs), max(theirs)
    holds = theirs[last] <= theirs[first]
    if len(ours) < 2:
        return Claim(words, holds, UNMEASURED, "", **more)
    begin, end = min(ours), max(ours)
    verdict = AGREES if differ(ours[end], ours[begin], False) <= 0 else DISAGREES
    found = f"T = {begin}: {figure(ours[begin].value, spec)}, T = {end}: {figure(ours[end].value, spec)}"
    return Claim(words, holds, verdict, found, **more)


def gained(words: str, published: Published, column: str, one: str, other: str, gain: Own,
           spec: str = "", **more: str) -> Claim:  # fmt: skip
    """One is better than another by a paired comparison of ours: its gain with an interval, by T."""
    last = max(published.steps)
    holds = published.at(one, column)[last] > published.at(other, column)[last]
    zero = Interval(0.0, -1e-12, 1e-12)
    verdict = _verdict([differ(each, zero, False) for each in gain.values()])
    found = ", ".join(f"T = {t}: {each:{spec}}" for t, each in gain.items())
    return Claim(words, holds, verdict, found, **more)
