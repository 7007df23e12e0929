"""What happened in a run, counted from its trace."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from math import log

import numpy as np

from remdm.runs.trace import Trace, replay
from remdm.views.messages import held_after, mean_sigma, title


@dataclass(frozen=True)
class Counts:
    """Per step, arrays `[steps]`: what was masked, decoded and remasked, and what was to be expected.

    `expected_masked` is free positions x (1 - alpha_s); `expected_remasked` the sum of sigma over decoded positions,
    `sigma` its mean there. `judged`: how often a token was hidden to be judged, in all. A token that was replaced there
    and then is revised as one is that was remasked first.
    """

    masked: np.ndarray
    expected_masked: np.ndarray
    decoded: np.ndarray
    remasked: np.ndarray
    expected_remasked: np.ndarray
    sigma: np.ndarray
    revised: int
    churned: int
    judged: int


def counts(trace: Trace) -> Counts:
    start = np.array(trace.start)
    free = start == trace.mask_id
    lost = np.full(trace.length, -1)
    held: frozenset[int] = frozenset()
    before, rows, revised, churned = start, [], 0, 0
    for frame, after in zip(trace.steps, replay(trace), strict=True):
        for position in (*frame.judged, *frame.remasked):
            lost[position] = before[position]
        for position, token, _ in frame.decoded:
            if lost[position] >= 0:
                revised, churned = revised + (lost[position] != token), churned + (lost[position] == token)
        expected = sum(frame.sigma_at(place) for place in held)
        rows.append(((after == trace.mask_id).sum(), free.sum() * (1 - frame.alpha_s), len(frame.decoded),
                     len(frame.remasked), expected, mean_sigma(frame, held)))  # fmt: skip
        before, held = after, held_after(frame, held)
    columns = np.array(rows, dtype=float).reshape(-1, 6)
    masked, expected_masked, decoded, remasked, expected_remasked, sigma = columns.T
    return Counts(masked, expected_masked, decoded, remasked, expected_remasked, sigma, int(revised), int(churned),
                  sum(len(frame.judged) for frame in trace.steps))  # fmt: skip


def entropy(ids: np.ndarray) -> float:
    """Natural-log entropy of the token counts inside one sequence: the paper's diversity number."""
    shares = np.array(list(Counter(ids.tolist()).values())) / max(1, len(ids))
    return float(-sum(share * log(share) for share in shares))


def distinct(ids: np.ndarray, n: int) -> float:
    """The share of n-grams of a sequence that occur in it for the first time."""
    grams = list(zip(*(ids[k:].tolist() for k in range(n)), strict=False))
    return len(set(grams)) / len(grams) if grams else 0.0


def printed(trace: Trace) -> np.ndarray:
    """The final ids that are printed: no special tokens."""
    special = {token for token, word in trace.words.items() if word in ("<bos>", "<eos>", "<pad>", "<mask>")}
    return np.array([token for token in trace.final if token not in special and token != trace.mask_id])


def summary(trace: Trace) -> Iterator[tuple[str, str, str]]:
    """(name, value, what it means) of a run's numbers."""
    ids, total = printed(trace), counts(trace)
    forwards = trace.steps[-1].forwards if trace.steps else 0
    yield "steps", str(len(trace.steps)), "steps taken, the final fill included"
    yield "NFE", str(forwards), "network evaluations: none is needed while no token changes"
    yield "remasked", f"{int(total.remasked.sum())}", f"{total.expected_remasked.sum():.1f} were to be expected"
    if total.judged:
        yield "hidden to judge", str(total.judged), "times that a decoded token was hidden from the model to be judged"
    yield "revised", str(total.revised), "decoded again to another token than before"
    yield "churned", str(total.churned), "decoded again to the same token"
    yield "entropy", f"{entropy(ids):.2f}", "nats, of the tokens in this text: low means repetitive"
    yield "distinct 2-grams", f"{distinct(ids, 2):.0%}", "word pairs that occur for the first time"


def html(trace: Trace) -> str:
    """The numbers of a run as a heading and a row of cells."""
    return cells("What happened", title(trace.run), summary(trace))


def cells(heading: str, of: str, values: Iterable[tuple[str, str, str]]) -> str:
    """(name, value, what it means) of each number as a heading and a row of cells."""
    made = "".join(
        f'<div class="number"><b>{escape(value)}</b><span>{escape(name)}</span><small>{escape(meaning)}</small></div>'
        for name, value, meaning in values
    )
    head = f'<h3>{escape(heading)}</h3><p class="of">{escape(of)}</p>'
    return f'<div class="number-head">{head}</div><div class="number-row">{made}</div>'
