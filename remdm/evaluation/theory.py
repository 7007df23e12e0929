"""Small live experiments on the theory, with the exact denoiser of five words: seconds on any machine."""

from dataclasses import dataclass

import numpy as np
import torch

from remdm.methods import Settings, run
from remdm.models.ideal import letters

LENGTH = 5


@dataclass(frozen=True)
class Marginals:
    """After each step: the wanted share of decoded positions, the measured one, its 95 % half-width, remasks a chain.

    `held` marks the steps at which alpha stands still.
    """

    alpha: np.ndarray
    measured: np.ndarray
    reach: np.ndarray
    remasks: np.ndarray
    held: np.ndarray

    @property
    def outside(self) -> int:
        """Steps at which alpha_s lies outside the interval; about one in twenty is to be expected."""
        return int((np.abs(self.measured - self.alpha) > self.reach + 1e-12).sum())


def marginals(chosen: Settings, chains: int, seed: int) -> Marginals:
    """Run many chains and measure q(z_s): by Theorem 3.1 of ReMDM its decoded share is alpha_s for any sigma.

    Positions of a chain decide alone, given alpha and sigma, so that chains times positions are independent trials.

    Raises:
        ValueError: for fewer than ten chains.
    """
    if chains < 10:
        raise ValueError(f"chains must be at least 10, got {chains}")
    start = torch.full((chains, LENGTH), 26)
    rows = []
    for record in run(letters(), chosen, start, tuple(range(seed, seed + chains)), watch=False):
        if record.step.phase == "finish":
            break
        share = float((~record.after.masked).double().mean())
        rows.append((record.step.alpha_s, share, float(record.remasked.sum()) / chains, record.step.held))
    alpha, measured, remasks, held = np.array(rows, dtype=float).T
    reach = 1.96 * np.sqrt(alpha * (1 - alpha) / (chains * LENGTH))
    return Marginals(alpha, measured, reach, remasks, held.astype(bool))
