"""The closed-form denoiser: exact x_theta of a small known language, for tests and teaching; not a trained model."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ("stone", "river", "cloud", "maple", "ember")


@dataclass(frozen=True)
class IdealDenoiser(Denoiser):
    """x_theta of a language of equally likely sequences of one length: the posterior mean over those that still fit.

    Where none fits (after a sampler's contradiction) each position has the whole language's distribution there.
    """

    sequences: Tensor  # int64 [S, L]
    vocab_size: int
    mask_id: int

    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        agrees = (tokens[:, None] == self.sequences) | (tokens[:, None] == self.mask_id)  # [B, S, L]
        fits = agrees.all(-1).double()
        fits[fits.sum(-1) == 0] = 1.0
        onehot = torch.nn.functional.one_hot(self.sequences, self.vocab_size).double()  # [S, L, V]
        x_theta = torch.einsum("bs,slv->blv", fits / fits.sum(-1, keepdim=True), onehot)
        return x_theta[rows].log()


def letters(words: Sequence[str] = WORDS) -> IdealDenoiser:
    """The ideal denoiser of a few words of equal length; letters are ids 0-25, the mask is 26."""
    spelled = torch.tensor([[LETTERS.index(letter) for letter in word] for word in words])
    return IdealDenoiser(spelled, len(LETTERS) + 1, len(LETTERS))
