"""From a step's record (torch, a whole batch) to the frame of each sequence (numpy, small, kept)."""

from collections.abc import Iterable

import numpy as np
from torch import Tensor

from remdm.runs.trace import Frame
from remdm.sampling.transition import StepRecord

Top = tuple[tuple[int, float], ...]


def drafted(frames: Iterable[Frame], length: int) -> np.ndarray:
    """The likeliest token known at each position after some frames, int64 `[L]`; -1 where none is."""
    known = np.full(length, -1)
    for each in frames:
        for position, token in each.drafts:
            known[position] = token
    return known


class Recorded:
    """A step's record as arrays on the host, made once for the frames of all its sequences."""

    def __init__(self, record: StepRecord) -> None:
        self.record, after, shown = record, record.after, record.shown
        self.tokens, self.masked = after.tokens.numpy(), after.masked.numpy()
        self.psi = after.psi.clamp(max=1.0).numpy()  # that of given positions is inf
        self.confidence = np.where(self.masked, 0.0, self.psi)
        self.decoded, self.remasked, self.known = record.decoded.numpy(), record.remasked.numpy(), shown.known.numpy()
        self.decoded_before, self.known_before = _before(self.decoded), _before(self.known)

    def frame(self, row: int, forwards: int, drafts: np.ndarray | None = None) -> Frame:
        """The frame of a sequence.

        Args:
            row: which one.
            forwards: its network evaluations so far.
            drafts: those known before it (`drafted`), which are brought up to date; None: they are not kept.
        """
        record, step = self.record, self.record.step
        decoded, remasked = (_places(each[row]) for each in (self.decoded, self.remasked))
        tokens, psi = self.tokens[row, decoded].tolist(), self.psi[row, decoded].tolist()
        sigma, fresh = self._sigma(row), self._guessed(row, drafts)
        return Frame(
            step.t,
            step.s,
            step.alpha_t,
            step.alpha_s,
            sigma,
            step.phase,
            tuple(zip(decoded, tokens, (round(p, 6) for p in psi), strict=True)),
            tuple(remasked),
            (self.confidence[row] * 255).round().astype(np.uint8),
            forwards,
            self._tops(row, len(decoded)),
            self._weights(row, sigma, remasked),
            fresh,
            () if record.judged is None else tuple(_places(record.judged[row].numpy())),
        )

    def _guessed(self, row: int, drafts: np.ndarray | None) -> tuple[tuple[int, int], ...]:
        """Note how sure the network is of its best guess at each mask.

        Returns:
            (position, id) of the guesses that are others than before; `drafts` then holds them.
        """
        peak, guess = self.record.shown.peak, self.record.shown.guess
        if peak is None or guess is None:
            return ()
        known, begin, end = self.known[row], self.known_before[row], self.known_before[row + 1]
        where, open_ = known & self.masked[row], self.masked[row][known]
        self.confidence[row, where] = peak[begin:end].exp().double().numpy()[open_]
        if drafts is None:
            return ()
        places, ids = _places(where), guess[begin:end].numpy()[open_]
        changed = drafts[places] != ids
        drafts[places] = ids
        return tuple(
            (place, token) for place, token, new in zip(places, ids.tolist(), changed.tolist(), strict=True) if new
        )

    def _tops(self, row: int, count: int) -> tuple[Top, ...]:
        """The likeliest tokens at each decoded position, with their probabilities."""
        top, top_ids = self.record.shown.top, self.record.shown.top_ids
        if top is None or top_ids is None:
            return ((),) * count
        begin, end = self.decoded_before[row], self.decoded_before[row + 1]
        return tuple(
            tuple((token, round(p, 6)) for token, p in zip(ids, values, strict=True) if p > 5e-7)
            for ids, values in zip(top_ids[begin:end].tolist(), top[begin:end].tolist(), strict=True)
        )

    def _sigma(self, row: int) -> float | tuple[float, ...]:
        if not isinstance(self.record.sigma, Tensor):
            return float(self.record.sigma)
        values = self.record.sigma[row].tolist()
        return values[0] if min(values) == max(values) else tuple(round(value, 9) for value in values)

    def _weights(self, row: int, sigma: float | tuple[float, ...], remasked: list[int]) -> tuple[float, ...]:
        """Each remasked position's share of sigma among the decoded ones, where positions differ."""
        if not isinstance(sigma, tuple):
            return ()
        total = sum(sigma[position] for position in _places(self.record.before.decoded[row].numpy()))
        return tuple(round(sigma[position] / total, 6) if total else 0.0 for position in remasked)


def _places(rows: np.ndarray) -> list[int]:
    return rows.nonzero()[0].tolist()


def _before(rows: np.ndarray) -> list[int]:
    """How many are set in front of each sequence of bool `[B, L]`, and in all of them: B + 1 numbers."""
    return [0, *rows.sum(1).cumsum().tolist()]
