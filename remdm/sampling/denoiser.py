"""Denoisers: x_theta, the model's distribution of each clean token, and what may be wrapped around it.

A denoiser gives log x_theta only for the positions that are asked for: a sampler needs few of them at a time. The
other half of SUBS, carry-over (a decoded token stays what it is), is the transition's: it never draws there.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from remdm.sampling.knobs import Checked, knob
from remdm.sampling.nucleus import nuclei, nucleus
from remdm.sampling.state import State
from remdm.sampling.transfer import picked


class Denoiser:
    """Maps z_t to log x_theta. A class of its own has to bring `mask_id` and `__call__` alone.

    Attributes:
        mask_id: the mask's id.
        timed: whether x_theta depends on t besides z_t; if not, its output may be reused while tokens do not change.
    """

    mask_id: int
    timed: bool = False

    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta at the wanted positions.

        Args:
            tokens: z_t, int64 `[B, L]`, on the host.
            rows: wanted positions, bool `[B, L]`, n of them, on the host.
            t: time in [0, 1].

        Returns:
            Log-probabilities, float32 or float64 `[n, V]`, in row-major order, on the network's device or the host;
            the mask has none (-inf).
        """
        raise NotImplementedError

    @property
    def end_ids(self) -> tuple[int, ...]:
        """The tokens that end a text, that of the end of all text first; empty where the model has none."""
        return ()

    @property
    def unguided(self) -> "Denoiser":
        """x_theta as the model has it, before truncation and a classifier's guidance."""
        return self

    @property
    def scored(self) -> bool:
        """Whether it has `scores`: it cannot, unless a head was trained for it."""
        return False

    def scores(self, tokens: Tensor, rows: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """log x_theta as `__call__`, and out of the same evaluation how likely each token is to be right.

        Returns:
            `[n, V]`; and log-odds `[B, L]`, which mean nothing where there is a mask or nothing was wanted.

        Raises:
            ValueError: there is no head.
        """
        raise ValueError("This model has no head that scores its tokens")

    def around(self, denoiser: "Denoiser") -> "Denoiser":
        """What guides this one, around another x_theta."""
        return denoiser

    def tilted(self, p_mask: Tensor, state: State, t: float) -> Tensor:
        """The probability of being masked next, `[B, L]`, as guidance changes it."""
        return p_mask

    def peak(self, tokens: Tensor, rows: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """log x_theta of the likeliest token at each of the wanted positions, `[n]`, and its id, `[n]`."""
        log_p, ids = self(tokens, rows, t).max(dim=-1)
        return log_p, ids


def subs(logits: Tensor, mask_id: int) -> Tensor:
    """Log-probabilities with no mass on the mask (SUBS, MDLM section 3.2.3): float32 `[n, V]`."""
    logits = logits.to(torch.float32, copy=True)
    logits[:, mask_id] = -torch.inf
    return logits.log_softmax(dim=-1)


class NotFinite(ValueError):
    """A network gives no probabilities: its logits are not finite."""

    def __init__(self, dtype: str) -> None:
        super().__init__(
            "The model's output is not a number (NaN or infinity): its weights are damaged, or too large for "
            f"{dtype}. Fetch its files again, or use another model."
        )


def probabilities(logits: Tensor, mask_id: int) -> Tensor:
    """As `subs`, for logits that nobody has looked at yet.

    On a CUDA device a look would make the host wait; there `log_p` of what is drawn is looked at (`Drawn`).

    Raises:
        NotFinite: where a row holds NaN or infinity, or nothing that may be written.
    """
    log_x = subs(logits, mask_id)
    if logits.device.type != "cuda" and log_x[:, 0].isnan().any():  # such a row is NaN all over
        raise NotFinite(str(logits.dtype).removeprefix("torch."))
    return log_x


CONVENTIONS = ("drop", "keep")


@dataclass(frozen=True)
class Truncation(Checked):
    """How x_theta is sharpened before a token is drawn."""

    nucleus_p: float = knob(0.9, 0.01, 1, symbol="p", help="Draw from the likeliest tokens up to this mass; 1 is off.")
    temperature: float = knob(
        1.0, 0, 5, step=0.05, symbol="τ", help="Below 1 sharpens the model's distribution; 0: the likeliest token."
    )
    nucleus: str = knob(
        "drop", choices=CONVENTIONS, help="The token that crosses p: dropped as in the paper's code, or kept."
    )

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken. Its probability is then that of the untempered distribution."""
        return self.temperature == 0.0

    def __call__(self, log_x: Tensor) -> Tensor:
        """The truncated log-probabilities, `[n, V]`."""
        return nucleus(self._tempered(log_x), self.nucleus_p, self.nucleus == "keep")

    def peak(self, log_x: Tensor) -> tuple[Tensor, Tensor]:
        """The truncated log-probability of each row's likeliest token, `[n]`, and its id: cheaper than all of them."""
        log_x = self._tempered(log_x)
        highest, ids = log_x.max(dim=-1)
        if self.nucleus_p < 1.0:
            for found in nuclei(log_x, self.nucleus_p, self.nucleus == "keep"):
                highest[found.rows] = found.log_p[:, 0].to(log_x.dtype)
        return highest, ids

    def _tempered(self, log_x: Tensor) -> Tensor:
        return log_x if self.temperature in (0.0, 1.0) else (log_x / self.temperature).log_softmax(dim=-1)


class DenoiserWrapper(Denoiser):
    """What every denoiser around a denoiser has in common."""

    denoiser: Denoiser

    @property
    def mask_id(self) -> int:  # type: ignore[override]  # read-only here
        """The mask's id."""
        return self.denoiser.mask_id

    @property
    def timed(self) -> bool:  # type: ignore[override]
        """As the denoiser within."""
        return self.denoiser.timed

    @property
    def end_ids(self) -> tuple[int, ...]:
        """As the denoiser within."""
        return self.denoiser.end_ids


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

    def peak(self, tokens: Tensor, rows: Tensor, t: float) -> tuple[Tensor, Tensor]:
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
        return log_x if wide.equal(rows) else picked(log_x, rows[wide])

    @property
    def scored(self) -> bool:
        """As the denoiser within."""
        return self.denoiser.scored

    def scores(self, tokens: Tensor, rows: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """See `Denoiser`."""
        wide = rows | (tokens == self.mask_id)
        log_x, odds = self.denoiser.scores(tokens, wide, t)
        return log_x if wide.equal(rows) else picked(log_x, rows[wide]), odds
