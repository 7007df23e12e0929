"""The schedule of a run that has not been made yet, as a small drawing."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

MOST_POINTS = 256
WIDTH, HEIGHT = 340.0, 110.0


@dataclass(frozen=True)
class Outlook:
    """What is to be expected, one number a step: alpha_s, sigma (mean over decoded positions), its bound, remasks."""

    alpha: Sequence[float]
    sigma: Sequence[float]
    sigma_max: Sequence[float]
    remasks: Sequence[float]
    length: int


def _points(values: Sequence[float]) -> str:
    every = max(1, -(-len(values) // MOST_POINTS))
    # of a stretch of steps the largest is drawn, so that no spike is lost
    kept = [max(values[place : place + every]) for place in range(0, len(values), every)]
    wide = WIDTH / max(1, len(kept))
    return " ".join(
        f"{wide * place:.1f},{y:.1f} {wide * (place + 1):.1f},{y:.1f}"
        for place, y in enumerate(HEIGHT * (1 - min(1.0, max(0.0, value))) for value in kept)
    )


def drawing(outlook: Outlook) -> str:
    """SVG with a caption; its text says in words what it shows."""
    total, steps = sum(outlook.remasks), len(outlook.alpha)
    on = [place for place, value in enumerate(outlook.sigma, 1) if value > 0]
    when = f"remasking is on at steps {on[0]} to {on[-1]}" if on else "remasking is never on"
    words = (
        f"Over {steps} steps alpha rises from 0 to 1, {when}, with sigma up to {max(outlook.sigma, default=0):.3f}; "
        f"{total:.1f} remasks are expected."
    )
    sigma = _points(outlook.sigma)
    lines = (
        f'<polyline class="bound" points="{_points(outlook.sigma_max)}"/>'
        f'<polygon class="sigma" points="0,{HEIGHT:g} {sigma} {WIDTH:g},{HEIGHT:g}"/>'
        f'<polyline class="sigma-line" points="{sigma}"/>'
        f'<polyline class="alpha" points="{_points(outlook.alpha)}"/>'
    )
    return (
        f'<figure class="schedule"><svg viewBox="0 -2 {WIDTH:g} {HEIGHT + 4:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(words)}">{lines}</svg>'
        f'<div class="schedule-x"><span>step 1</span><span>{steps}</span></div>'
        '<figcaption><span class="alpha">α, decoded share</span><span class="sigma">σ</span>'
        f'<span class="bound">σ max</span><b>{total:.1f} remasks expected</b></figcaption></figure>'
    )


def sentence(text: str) -> str:
    return f'<p class="schedule-none">{escape(text)}</p>'
