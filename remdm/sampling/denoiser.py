"""Denoisers: x_theta, the model's distribution of each clean token, and what may be wrapped around it.

A denoiser gives log x_theta only for the positions that are asked for: a sampler needs few of them at a time. The
other half of SUBS, carry-over (a decoded token stays what it is), is the transition's: it never draws there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from remdm.sampling.knobs import check, knob
from remdm.sampling.state import State


class Denoiser(Protocol):
    """Maps z_t to log x_theta. A class that subclasses `Unguided` has to bring the first three members alone.

    Attributes:
        mask_id: the mask's id.
        timed: whether x_theta depends on t besides z_t; if not, its output may be reused while tokens do not change.
        unguided: x_theta as the model has it, before truncation and a classifier's guidance.
    """

    @property
    def mask_id(self) -> int:
        """The mask's id."""

    @property
    def timed(self) -> bool:
        """Whether the output depends on t."""

    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta at the wanted positions.

        Args:
            tokens: z_t, int64 `[B, L]`.
            rows: wanted positions, bool `[B, L]`, n of them.
            t: time in [0, 1].

        Returns:
            Log-probabilities, float32 or float64 `[n, V]`, in row-major order; the mask has none (-inf).
        """

    @property
    def unguided(self) -> "Denoiser":
        """x_theta before truncation and a classifier's guidance."""

    def around(self, denoiser: "Denoiser") -> "Denoiser":
        """What guides this one, around another x_theta."""

    def tilted(self, p_mask: Tensor, state: State, t: float) -> Tensor:
        """The probability of being masked next, `[B, L]`, as guidance changes it."""

    def peak(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta of the likeliest token at each of the wanted positions, `[n]`."""


class Unguided:
    """What a denoiser does that no classifier guides: the posterior is as the sampler has it."""

    @property
    def unguided(self: Denoiser) -> Denoiser:
        """This one."""
        return self

    def around(self, denoiser: Denoiser) -> Denoiser:
        """The other one, unchanged."""
        return denoiser

    def tilted(self, p_mask: Tensor, state: State, t: float) -> Tensor:
        """The same probability."""
        return p_mask

    def peak(self: Denoiser, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta of the likeliest token at each of the wanted positions, `[n]`."""
        return self(tokens, rows, t).amax(dim=-1)


def subs(logits: Tensor, mask_id: int) -> Tensor:
    """Log-probabilities with no mass on the mask (SUBS, MDLM section 3.2.3): float32 `[n, V]`."""
    logits = logits.to(torch.float32, copy=True)
    logits[:, mask_id] = -torch.inf
    return logits.log_softmax(dim=-1)


class NotFinite(ValueError):
    """A network gives no probabilities: its logits are not finite."""


def probabilities(logits: Tensor, mask_id: int) -> Tensor:
    """As `subs`, for logits that nobody has looked at yet.

    Raises:
        NotFinite: where a row holds NaN or infinity, or nothing that may be written.
    """
    log_x = subs(logits, mask_id)
    if log_x[:, 0].isnan().any():  # such a row is NaN all over
        raise NotFinite(
            "The model's output is not a number (NaN or infinity): its weights are damaged, or too large for "
            f"{str(logits.dtype).removeprefix('torch.')}. Fetch its files again, or use another model."
        )
    return log_x


TOPK_STAGES = (64, 512, 2048)
"""How many of the likeliest tokens are looked at first, in search of the nucleus's end."""
AT_ONCE = 1 << 21
"""Entries of a 64-bit `[n, V]` that may exist at a time, 16 MiB."""


@dataclass(frozen=True)
class _Nuclei:
    """The nuclei of some rows: which rows `[r]`, their likeliest ids `[r, k]`, log-probabilities float64 `[r, k]`."""

    rows: Tensor
    ids: Tensor
    log_p: Tensor


def _likeliest(log_x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` likeliest tokens of each row, as a stable sort has them: values and ids, `[n, count]` each."""
    if count >= log_x.shape[1]:
        return log_x.sort(dim=-1, descending=True, stable=True)
    ids = log_x.topk(count, dim=-1, sorted=False).indices.sort(dim=-1).values  # of equal ones the first id comes first
    ordered, places = log_x.gather(1, ids).sort(dim=-1, descending=True, stable=True)
    return ordered, ids.gather(1, places)


def _nuclei(log_x: Tensor, nucleus_p: float, keep_crossing: bool) -> Iterator[_Nuclei]:
    """Every row's nucleus, renormalised; rows come in groups, by how far one had to look for its end.

    A sort of the vocabulary is the last resort: where fewer tokens hold a nucleus, they are found without it. They
    are certain to be it if the last one looked at is less likely than all that are kept; with equally likely ones
    at the edge, more have to be seen.
    """
    size = log_x.shape[1]
    left = torch.arange(len(log_x), device=log_x.device)
    for count in (*(look for look in TOPK_STAGES if 4 * look <= size), size):
        if not len(left):
            return
        unsure = []
        for rows in left.split(max(1, AT_ONCE // count)):
            ordered, ids = _likeliest(log_x if len(rows) == len(log_x) else log_x[rows], count)
            mass = ordered.double().exp()
            reached = mass.cumsum(dim=-1)
            kept = (reached - mass < nucleus_p) if keep_crossing else (reached <= nucleus_p + 1e-12)
            kept[:, 0] = True
            sure = ~(kept & (ordered == ordered[:, -1:])).any(1) if count < size else torch.ones_like(kept[:, 0])
            unsure.append(rows[~sure])
            rows, ids, cut = rows[sure], ids[sure], ordered.double().where(kept, -torch.inf)[sure]
            yield _Nuclei(rows, ids, cut.log_softmax(dim=-1))
        left = torch.cat(unsure)


def nucleus(log_x: Tensor, nucleus_p: float, keep_crossing: bool) -> Tensor:
    """Keep the likeliest tokens up to a mass of nucleus_p and renormalise (before the posterior is built).

    Args:
        log_x: log-probabilities `[n, V]`.
        nucleus_p: mass to keep, in (0, 1].
        keep_crossing: whether the token that crosses nucleus_p stays, as in most libraries. The reference drops it:
            a token stays if the mass up to and including it is at most nucleus_p, or if it is the likeliest.
    """
    if nucleus_p >= 1.0:
        return log_x
    cut = torch.full_like(log_x, -torch.inf)
    for found in _nuclei(log_x, nucleus_p, keep_crossing):
        cut[found.rows[:, None], found.ids] = found.log_p.to(log_x.dtype)
    return cut


CONVENTIONS = ("drop", "keep")


@dataclass(frozen=True)
class Truncation:
    """How x_theta is sharpened before a token is drawn."""

    nucleus_p: float = knob(0.9, 0.01, 1, symbol="p", help="Draw from the likeliest tokens up to this mass; 1 is off.")
    temperature: float = knob(1.0, 0.05, 5, step=0.05, symbol="τ", help="Below 1 sharpens the model's distribution.")
    nucleus: str = knob(
        "drop", choices=CONVENTIONS, help="The token that crosses p: dropped as in the paper's code, or kept."
    )

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, log_x: Tensor) -> Tensor:
        """The truncated log-probabilities, `[n, V]`."""
        return nucleus(self._tempered(log_x), self.nucleus_p, self.nucleus == "keep")

    def peak(self, log_x: Tensor) -> Tensor:
        """The truncated log-probability of each row's likeliest token, `[n]`: cheaper than all of them."""
        log_x = self._tempered(log_x)
        highest = log_x.amax(dim=-1)
        if self.nucleus_p < 1.0:
            for found in _nuclei(log_x, self.nucleus_p, self.nucleus == "keep"):
                highest[found.rows] = found.log_p[:, 0].to(log_x.dtype)
        return highest

    def _tempered(self, log_x: Tensor) -> Tensor:
        return log_x if self.temperature == 1.0 else (log_x / self.temperature).log_softmax(dim=-1)


class DenoiserWrapper(Unguided):
    """What every denoiser around a denoiser has in common."""

    denoiser: Denoiser

    @property
    def mask_id(self) -> int:
        """The mask's id."""
        return self.denoiser.mask_id

    @property
    def timed(self) -> bool:
        """As the denoiser within."""
        return self.denoiser.timed


@dataclass(frozen=True)
class Truncated(DenoiserWrapper):
    """A denoiser whose output is truncated."""

    denoiser: Denoiser
    truncation: Truncation

    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """Truncated log x_theta, `[n, V]`."""
        return self.truncation(self.denoiser(tokens, rows, t))

    @property
    def unguided(self) -> Denoiser:
        """x_theta before truncation."""
        return self.denoiser.unguided

    def peak(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """See `Denoiser`; cheaper than truncating whole rows."""
        return self.truncation.peak(self.denoiser(tokens, rows, t))


@dataclass(frozen=True)
class Widened(DenoiserWrapper):
    """Computes every masked position whenever one is wanted, so that a recorder's question is answered from memory."""

    denoiser: Denoiser

    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta at the wanted positions, `[n, V]`."""
        wide = rows | (tokens == self.mask_id)
        log_x = self.denoiser(tokens, wide, t)
        return log_x if wide.equal(rows) else log_x[rows[wide]]


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
        last, stale = self._answer, rows.any(1)
        if last is None or last.tokens.shape != tokens.shape:
            last, self.forwards = None, torch.zeros(len(tokens), dtype=torch.int64)
        elif self.timed and t != last.t:
            last = None  # nothing known at another time holds
        else:
            stale &= (tokens != last.tokens).any(1) | (rows & ~last.known).any(1)
        if last is None or stale.any():
            last = self._answer = self._refresh(tokens, rows, t, stale, last)
        return last.log_x if rows.equal(last.known) else last.log_x[rows[last.known]]

    def _refresh(self, tokens: Tensor, rows: Tensor, t: float, stale: Tensor, last: "_Answer | None") -> "_Answer":
        fresh = self.denoiser(tokens[stale], rows[stale], t)
        self.forwards = self.forwards + stale.cpu()  # a new tensor: consumers keep the old ones
        if last is None or stale.all():
            return _Answer(tokens, t, rows, fresh)
        known = torch.where(stale[:, None], rows, last.known)
        merged = fresh.new_empty(int(known.sum()), fresh.shape[1])
        belongs = stale[:, None].expand_as(known)[known]
        merged[belongs] = fresh
        merged[~belongs] = last.log_x[~stale[:, None].expand_as(known)[last.known]]
        return _Answer(torch.where(stale[:, None], tokens, last.tokens), t, known, merged)


@dataclass(frozen=True)
class _Answer:
    """What was asked last: tokens `[B, L]`, t, the rows whose output is known, bool `[B, L]`, the output `[n, V]`."""

    tokens: Tensor
    t: float
    known: Tensor
    log_x: Tensor
