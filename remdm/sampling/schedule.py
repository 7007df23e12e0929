"""Noise schedules: alpha_t, the probability that a token is still clean at time t in [0, 1].

q(z_t | x) = Cat(alpha_t x + (1 - alpha_t) m)   (ReMDM eq. 1, arXiv 2503.00307). Time runs from 1 (all masks) to 0.
One time serves a whole batch, so times are plain floats.
"""

from dataclasses import dataclass
from math import acos, asin, cos, pi, sin
from typing import Protocol


class Schedule(Protocol):
    """alpha(0) = 1, alpha(1) = 0, decreasing; `time` is its inverse."""

    def alpha(self, t: float) -> float:
        """P(token still clean at time t)."""

    def time(self, alpha: float) -> float:
        """The t at which alpha(t) = alpha."""


def _unit(name: str, value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} must lie between 0 and 1, got {value}")
    return value


@dataclass(frozen=True)
class Linear:
    """alpha = 1 - t: the schedule that MDLM calls log-linear, used in all of the paper's applications."""

    def alpha(self, t: float) -> float:
        """1 - t."""
        return 1.0 - _unit("t", t)

    def time(self, alpha: float) -> float:
        """1 - alpha."""
        return 1.0 - _unit("alpha", alpha)


@dataclass(frozen=True)
class Cosine:
    """alpha = cos(pi t / 2): few tokens at a time near the end of decoding (MDLM's code, eps = 0)."""

    def alpha(self, t: float) -> float:
        """cos(pi t / 2), exactly 0 at t = 1."""
        return cos(pi / 2 * _unit("t", t)) if t != 1.0 else 0.0

    def time(self, alpha: float) -> float:
        """2 acos(alpha) / pi."""
        return 2 / pi * acos(_unit("alpha", alpha))


@dataclass(frozen=True)
class MaskgitCosine:
    """alpha = 1 - sin(pi t / 2): few tokens at the start, many at the end (MaskGIT, arXiv 2202.04200)."""

    def alpha(self, t: float) -> float:
        """1 - sin(pi t / 2): the masked fraction is cos(pi (1 - t) / 2)."""
        return 1.0 - sin(pi / 2 * _unit("t", t))

    def time(self, alpha: float) -> float:
        """2 asin(1 - alpha) / pi."""
        return 2 / pi * asin(1.0 - _unit("alpha", alpha))


@dataclass(frozen=True)
class Arccos:
    """alpha = 1 - (2 / pi) acos(1 - t): even at first, most tokens in the last steps (arXiv 2503.17076)."""

    def alpha(self, t: float) -> float:
        """1 - 2 acos(1 - t) / pi, exactly 0 at t = 1."""
        return 1.0 - 2 / pi * acos(1.0 - _unit("t", t)) if t != 1.0 else 0.0

    def time(self, alpha: float) -> float:
        """1 - cos(pi (1 - alpha) / 2), exactly 1 at alpha = 0."""
        return 1.0 - cos(pi / 2 * (1.0 - _unit("alpha", alpha))) if alpha != 0.0 else 1.0


SCHEDULES: dict[str, Schedule] = {
    "linear": Linear(),
    "cosine": Cosine(),
    "maskgit-cosine": MaskgitCosine(),
    "arccos": Arccos(),
}
