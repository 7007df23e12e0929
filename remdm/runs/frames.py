"""From a step's record (torch, a whole batch) to the frame of one sequence (numpy, small, kept)."""

from collections.abc import Iterable

import numpy as np
from torch import Tensor

from remdm.runs.trace import Frame
from remdm.sampling.transition import StepRecord


def _sigma(record: StepRecord, row: int) -> float | tuple[float, ...]:
    if not isinstance(record.sigma, Tensor):
        return float(record.sigma)
    values = record.sigma[row].tolist()
    return values[0] if min(values) == max(values) else tuple(round(value, 9) for value in values)


def _weights(record: StepRecord, row: int, remasked: list[int]) -> tuple[float, ...]:
    """Each remasked position's share of sigma among the decoded ones, where positions differ."""
    sigma = _sigma(record, row)
    if not isinstance(sigma, tuple):
        return ()
    total = sum(sigma[position] for position in record.before.decoded[row].nonzero()[:, 0].tolist())
    return tuple(round(sigma[position] / total, 6) if total else 0.0 for position in remasked)


def _of_row(values: Tensor, rows: Tensor, row: int) -> Tensor:
    """What belongs to sequence `row` of values that stand, one after the other, for each True of `rows`."""
    begin = int(rows[:row].sum())
    return values[begin : begin + int(rows[row].sum())]


def drafted(frames: Iterable[Frame], length: int) -> np.ndarray:
    """The likeliest token known at each position after some frames, int64 `[L]`; -1 where none is."""
    known = np.full(length, -1)
    for each in frames:
        for position, token in each.drafts:
            known[position] = token
    return known


def frame(record: StepRecord, row: int, forwards: int, drafts: np.ndarray | None = None) -> Frame:
    """The frame of sequence `row` of a record.

    `drafts` are those known before it (`drafted`), and are brought up to date; None: they are not kept.
    """
    step, after = record.step, record.after
    confidence = after.psi[row].where(~after.masked[row], 0.0).clamp(max=1.0)  # psi of given positions is inf
    tops: dict[int, tuple[tuple[int, float], ...]] = {}
    decoded = record.decoded[row].nonzero()[:, 0].tolist()
    shown, known = record.shown, record.shown.known
    fresh: tuple[tuple[int, int], ...] = ()
    if shown.peak is not None and shown.guess is not None:
        where = known[row]
        peak = _of_row(shown.peak, known, row).exp().double()
        confidence[where] = peak.where(after.masked[row][where], confidence[where])
        if drafts is not None:
            ids = _of_row(shown.guess, known, row)[after.masked[row][where]]
            fresh = _changed(drafts, where & after.masked[row], ids)
    if shown.top is not None and shown.top_ids is not None:
        values_of, ids_of = (_of_row(each, record.decoded, row).tolist() for each in (shown.top, shown.top_ids))
        for position, values, ids in zip(decoded, values_of, ids_of, strict=True):
            tops[position] = tuple((token, round(p, 6)) for token, p in zip(ids, values, strict=True) if p > 5e-7)
    remasked = record.remasked[row].nonzero()[:, 0].tolist()
    tokens, psi = after.tokens[row].tolist(), after.psi[row].tolist()
    return Frame(
        step.t,
        step.s,
        step.alpha_t,
        step.alpha_s,
        _sigma(record, row),
        step.phase,
        tuple((position, tokens[position], round(min(psi[position], 1.0), 6)) for position in decoded),
        tuple(remasked),
        (confidence * 255).round().numpy().astype(np.uint8),
        forwards,
        tuple(tops.get(position, ()) for position in decoded),
        _weights(record, row, remasked),
        fresh,
        () if record.judged is None else tuple(record.judged[row].nonzero()[:, 0].tolist()),
    )


def _changed(drafts: np.ndarray, where: Tensor, ids: Tensor) -> tuple[tuple[int, int], ...]:
    """(position, id) of the likeliest tokens that are others than before; `drafts` then holds them."""
    found = [
        each for each in zip(where.nonzero()[:, 0].tolist(), ids.tolist(), strict=True) if drafts[each[0]] != each[1]
    ]
    for position, token in found:
        drafts[position] = token
    return tuple(found)
