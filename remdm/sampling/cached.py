"""The memory of a run: a network is asked only for what changed, and each evaluation of it is counted."""

from dataclasses import dataclass

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser, DenoiserWrapper
from remdm.sampling.transfer import picked, places


class Cached(DenoiserWrapper):
    """Calls a denoiser only for sequences whose tokens (or t, if it is timed) changed, and counts the calls of each.

    One per run: it holds the last answer. `forwards` (int64 `[B]`) is honest: a sequence served from memory costs none.
    """

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser = denoiser
        self.forwards = torch.zeros(0, dtype=torch.int64)
        self._answer: _Answer | None = None

    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta `[n, V]`, from memory where tokens and wanted rows allow."""
        return self._asked(tokens, rows, t, False)[0]

    @property
    def scored(self) -> bool:
        """As the denoiser within."""
        return self.denoiser.scored

    def scores(self, tokens: Tensor, rows: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """See `Denoiser`; one evaluation serves this and `__call__`."""
        log_x, answer = self._asked(tokens, rows, t, True)
        assert answer.odds is not None
        return log_x, answer.odds

    def recalls(self, tokens: Tensor) -> Tensor:
        """Which sequences of ids `[B, L]` are as in the last answer, so that no call may be needed, bool `[B]`."""
        last = self._answer
        if last is None or self.timed or last.tokens.shape != tokens.shape:
            return torch.zeros(len(tokens), dtype=torch.bool)
        return (tokens == last.tokens).all(1)

    def _asked(self, tokens: Tensor, rows: Tensor, t: float, scored: bool) -> tuple[Tensor, "_Answer"]:
        last, stale = self._answer, rows.any(1)
        if last is None or last.tokens.shape != tokens.shape:
            last, self.forwards = None, torch.zeros(len(tokens), dtype=torch.int64)
        elif self.timed and t != last.t:
            last = None  # nothing known at another time holds
        else:
            stale &= (tokens != last.tokens).any(1) | (rows & ~last.known).any(1) | (~last.scored if scored else False)
        if last is None or stale.any():
            last = self._answer = self._refresh(tokens, rows, t, stale, last, scored)
        return (last.log_x if rows.equal(last.known) else picked(last.log_x, rows[last.known])), last

    def _refresh(
        self, tokens: Tensor, rows: Tensor, t: float, stale: Tensor, last: "_Answer | None", scored: bool
    ) -> "_Answer":
        odds = None
        if scored:
            fresh, odds = self.denoiser.scores(tokens[stale], rows[stale], t)
        else:
            fresh = self.denoiser(tokens[stale], rows[stale], t)
        self.forwards = self.forwards + stale  # a new tensor: consumers keep the old ones
        if odds is not None:
            known = last.odds if last is not None and last.odds is not None else odds.new_zeros(tokens.shape)
            odds = known.index_copy(0, places(stale, odds.device), odds)
        elif last is not None:
            odds = last.odds
        if last is None or stale.all():
            return _Answer(tokens, t, rows, fresh, stale & scored, odds)
        known = torch.where(stale[:, None], rows, last.known)
        merged = fresh.new_empty(int(known.sum()), fresh.shape[1])
        belongs = stale[:, None].expand_as(known)[known]
        merged.index_copy_(0, places(belongs, merged.device), fresh)
        kept = picked(last.log_x, ~stale[:, None].expand_as(known)[last.known])
        merged.index_copy_(0, places(~belongs, merged.device), kept)
        has = torch.where(stale, torch.full_like(stale, scored), last.scored)
        return _Answer(torch.where(stale[:, None], tokens, last.tokens), t, known, merged, has, odds)


@dataclass(frozen=True)
class _Answer:
    """What was asked last: tokens `[B, L]`, t, the rows whose output is known, bool `[B, L]`, the output `[n, V]`.

    `scored` says for which sequences the tokens' log-odds are known too, `odds` holds them, `[B, L]`.
    """

    tokens: Tensor
    t: float
    known: Tensor
    log_x: Tensor
    scored: Tensor
    odds: Tensor | None
