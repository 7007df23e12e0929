"""Small live experiments on the theory, with the exact denoiser of five words: seconds on any machine."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from remdm.models.ideal import LETTERS, letters
from remdm.sampling.coupled_noise import Coupled, keyed
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.methods import Settings, build, run, settings
from remdm.sampling.noise import Noise
from remdm.sampling.remasking import bump, flat
from remdm.sampling.sampler import sample
from remdm.sampling.state import State, start
from remdm.sampling.time_grid import FINISH, Step
from remdm.sampling.transition import StepRecord, Unpredicted, decode, remask

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
        ValueError: for fewer than ten chains, or more than a page can wait for.
    """
    if not 10 <= chains <= 20_000:
        raise ValueError(f"chains must be a whole number from 10 to 20000, got {chains}")
    rows, masks = [], torch.full((chains, LENGTH), len(LETTERS))
    for record in run(letters(), chosen, masks, tuple(range(seed, seed + chains)), watch=False):
        if record.step.phase == FINISH:
            break
        share = float((~record.after.masked).double().mean())
        rows.append((record.step.alpha_s, share, float(record.remasked.sum()) / chains, record.step.held))
    alpha, measured, remasks, held = np.array(rows, dtype=float).T
    reach = 1.96 * np.sqrt(alpha * (1 - alpha) / (chains * LENGTH))
    return Marginals(alpha, measured, reach, remasks, held.astype(bool))


# Twins: correctors as their own papers write them, and as ReMDM with a sigma

CORRECTORS: dict[str, Callable[[float], float]] = {"fb": flat, "dfm": bump}
"""b at time t: forward-backward (Campbell et al. 2022) and DFM (Gat et al. 2024), by their names in METHODS."""


@dataclass(frozen=True)
class Velocities(Unpredicted):
    """A step as the correctors' papers write it: with two coefficients, and with no sigma.

    A masked position decodes with probability a (alpha_s - alpha_t) / (1 - alpha_t), a decoded one is masked with
    b (alpha_s - alpha_t) / alpha_t, where a = 1 + b (ReMDM, Appendix A.6 and Proposition 4.3). Where a step is so
    long that one of them would leave [0, 1], b is what still fits.
    """

    b: Callable[[float], float]

    def __call__(self, denoiser: Denoiser, state: State, step: Step, noise: Noise) -> StepRecord:
        gain, masked = step.alpha_s - step.alpha_t, state.masked
        b = min(self.b(step.t), (1.0 - step.alpha_s) / gain, step.alpha_t / gain) if gain else 0.0
        decodes = (1.0 + b) * gain / (1.0 - step.alpha_t)
        leaves = b * gain / step.alpha_t if step.alpha_t > 0 else 0.0
        u = noise.uniform(masked.shape[1])
        remasked, decoded = state.decoded & (u < leaves), masked & (u >= 1.0 - decodes)
        after, log_x = remask(state, remasked), None
        if decoded.any():
            log_x = denoiser(state.tokens, decoded, step.t)
            ids = noise.draw(log_x, decoded)
            after = decode(after, decoded, ids, log_x.gather(1, ids[:, None]).squeeze(1))
        return StepRecord(step, state, after, remasked, decoded, leaves, decoded, log_x)


@dataclass(frozen=True)
class Picture:
    """What chains did: the letter (26: masked) and the state of each position after each step.

    Both `[steps, chains * LENGTH]`, the chains side by side. States: 0 masked, 1 decoded, 2 kept, 3 remasked.
    """

    letters: np.ndarray
    states: np.ndarray

    @property
    def words(self) -> list[str]:
        """What the chains ended in."""
        ends = "".join((LETTERS + "_")[letter] for letter in self.letters[-1])
        return [ends[first : first + LENGTH] for first in range(0, len(ends), LENGTH)]

    def differs(self, other: "Picture") -> np.ndarray:
        """Where two pictures of the same size differ, bool."""
        return (self.letters != other.letters) | (self.states != other.states)


def picture(records: Iterable[StepRecord]) -> Picture:
    """The picture of a run, the final fill left out."""
    rows, states = [], []
    for record in records:
        if record.step.phase == FINISH:
            break
        rows.append(record.after.tokens.flatten().numpy())
        state = torch.where(record.after.masked, 0, 2)
        states.append(state.masked_fill(record.decoded, 1).masked_fill(record.remasked, 3).flatten().numpy())
    return Picture(np.stack(rows), np.stack(states))


def twins(corrector: str, steps: int, chains: int, seed: int) -> tuple[Picture, Picture, Picture]:
    """The same chains three times with the same random numbers, by Propositions 4.2 and 4.3 twice the same picture.

    Returns:
        The corrector by its own coefficients; ReMDM with the corrector's sigma; ReMDM with another one (capped at
        0.1), which tells how much a picture says.

    Raises:
        ValueError: for steps or chains that are out of range.
    """
    for name, value in (("steps", steps), ("chains", chains)):
        if not 1 <= value <= 64:
            raise ValueError(f"{name} must be a whole number from 1 to 64, got {value}")
    seeds, chosen = tuple(range(seed, seed + chains)), settings(corrector, steps, nucleus_p=1.0)
    noise, walk, masks = Coupled(seeds), build(chosen)[1], torch.full((chains, LENGTH), len(LETTERS))
    own = Velocities(CORRECTORS[corrector])
    its_own = sample(letters(), own, keyed(walk, noise), start(masks, len(LETTERS)), noise)
    others = (chosen, settings(corrector, steps, rule="cap", eta=0.1, nucleus_p=1.0))
    first, second = (picture(run(letters(), each, masks, seeds, coupled=True, watch=False)) for each in others)
    return picture(its_own), first, second
