"""Conditions and guidance as denoisers around denoisers: what is asked for stands in front of z_t."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from remdm.sampling.denoiser import Denoiser, DenoiserWrapper
from remdm.sampling.state import State
from remdm.sampling.transfer import fetched, sent


@dataclass(frozen=True)
class Prefixed(DenoiserWrapper):
    """A denoiser that sees the same tokens in front of every sequence: its condition.

    `prefix` holds their ids; what comes out is x_theta of z_t alone.
    """

    denoiser: Denoiser
    prefix: tuple[int, ...]

    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta, `[n, V]`, of z_t `[B, L]` behind the prefix."""
        front = torch.tensor(self.prefix).expand(len(tokens), -1)
        whole = torch.cat((front, tokens), dim=1)
        return self.denoiser(whole, torch.cat((torch.zeros_like(front, dtype=torch.bool), rows), dim=1), t)


@dataclass(frozen=True)
class Guided(DenoiserWrapper):
    """D-CFG (arXiv 2412.10193): log x_theta proportional to gamma log p(x | c) + (1 - gamma) log p(x).

    gamma = 1 is the condition alone, 0 leaves it out; both cost one evaluation. MaskGIT's papers write w = gamma - 1.
    `rising`: w grows with the run as w (1 - t), the confidence sampler of MaskGIT in PyTorch and of Halton-MaskGIT
    (there i / (n - 1) of it at step i of n, here i / n); gamma below 1 stays as it is.
    """

    denoiser: Denoiser
    unconditional: Denoiser
    guidance_scale: float
    rising: bool = False

    @property
    def timed(self) -> bool:  # type: ignore[override]
        """A guidance that rises depends on t."""
        return self.denoiser.timed or self.rising

    def at(self, t: float) -> float:
        """gamma at time t."""
        return 1.0 + (self.guidance_scale - 1.0) * (1.0 - t) if self.rising else self.guidance_scale

    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """Guided log x_theta, `[n, V]`; the mask keeps no mass."""
        gamma = self.at(t)
        if gamma == 0.0:
            return self.unconditional(tokens, rows, t)
        conditional = self.denoiser(tokens, rows, t)
        if gamma == 1.0:
            return conditional
        free = self.unconditional(tokens, rows, t)
        mixed = gamma * conditional + (1.0 - gamma) * free
        return mixed.masked_fill(conditional == -torch.inf, -torch.inf).log_softmax(dim=-1)


@dataclass(frozen=True)
class PromptMasked(DenoiserWrapper):
    """A denoiser that does not see the prompt: masks stand in its place. `given`: where it stands, bool `[B, L]`."""

    denoiser: Denoiser
    given: Tensor

    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta without the prompt, `[n, V]`."""
        return self.denoiser(tokens.masked_fill(self.given, self.mask_id), rows, t)


@dataclass(frozen=True)
class Without(DenoiserWrapper):
    """A denoiser that gives some tokens no mass, such as those that only ever stand in a condition."""

    denoiser: Denoiser
    barred: tuple[int, ...]

    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta over the other tokens, `[n, V]`."""
        log_x = self.denoiser(tokens, rows, t)
        return log_x.index_fill(1, sent(torch.tensor(self.barred), log_x.device), -torch.inf).log_softmax(dim=-1)


LogLikelihood = Callable[[Tensor], Tensor]
"""Tokens `[n, L]`, masks among them, to log p(y | tokens), `[n]`."""


class ClassifierGuided(DenoiserWrapper):
    """D-CBG (arXiv 2412.10193, section 3.2, without the first-order shortcut): a classifier tilts the posterior.

    At position l the posterior over all tokens and the mask is multiplied by p(y | z_t with l set to it)^gamma and
    normalised, the other positions staying as they are in z_t. Written as two factors, so that it goes with every
    transition: which token, given that one is decoded (`__call__`), and whether one is (`tilt`).

    The paper leaves open what a decoded position does. Here its two outcomes, kept and remasked, are weighed in the
    same way: sigma p(y | z_t with l masked)^gamma against (1 - sigma) p(y | z_t)^gamma. So a token that speaks for y
    stays longer. Like any guidance of the posterior, this gives up the marginals for gamma > 0.

    Transitions with exact counts (MaskGIT, LLaDA) have no mask among their outcomes and use the first factor alone.
    One for each run: the scores of the current z_t are kept, since a step asks for them more than once.
    """

    CHUNK = 2048  # rows of the classifier at a time

    def __init__(self, denoiser: Denoiser, classifier: LogLikelihood, guidance_scale: float) -> None:
        self.denoiser, self.classifier, self.guidance_scale = denoiser, classifier, guidance_scale
        self._at: Tensor | None = None
        self._table = torch.empty(0)

    @property
    def unguided(self) -> Denoiser:
        """x_theta before guidance."""
        return self.denoiser.unguided

    def around(self, denoiser: Denoiser) -> Denoiser:
        """The same guidance of another x_theta, such as a truncated one: the posterior is built after truncation."""
        return ClassifierGuided(denoiser, self.classifier, self.guidance_scale)

    def tilted(self, p_mask: Tensor, state: State, t: float) -> Tensor:
        """P(m) = p / (p + (1 - p) e^tilt), float64 `[B, L]`; where p is 0 or 1 there is nothing to choose."""
        rows = (p_mask > 0) & (p_mask < 1) & ~state.given
        if rows.any():
            p_mask = p_mask.clone()
            p_mask[rows] = (p_mask[rows].logit() - self.tilt(state.tokens, rows, t)).sigmoid()
        return p_mask

    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log of x_theta(v) p(y | z_t with l := v)^gamma, normalised over v, float64 `[n, V]`."""
        return self._weighed(tokens, rows, t).log_softmax(dim=-1)

    def tilt(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """How much the classifier favours a token over the mask at the wanted positions, a log factor `[n]`.

        For a masked position: log sum_v x_theta(v) p(y | l := v)^gamma - gamma log p(y | z_t). For a decoded one:
        gamma (log p(y | z_t) - log p(y | l := m)).
        """
        masked = tokens == self.mask_id
        made = torch.zeros(rows.shape, dtype=torch.float64, device=tokens.device)
        open_, present = rows & masked, rows & ~masked
        if open_.any():
            now = self._now(tokens)[open_.nonzero()[:, 0]]
            made[open_] = self._weighed(tokens, open_, t).logsumexp(dim=-1) - now
        if present.any():
            row, place = present.nonzero().unbind(1)
            gone = self._scores(tokens, row, place, torch.full_like(row, self.mask_id))
            made[present] = self._now(tokens)[row] - gone
        return made[rows]

    def _weighed(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta(v) + gamma log p(y | z_t with l := v), not normalised, float64 `[n, V]`."""
        log_x = fetched(self.denoiser(tokens, rows, t))[0].double()
        which, token = (log_x > -torch.inf).nonzero().unbind(1)  # what cannot be drawn needs no score
        row, place = rows.nonzero().unbind(1)
        log_x[which, token] += self._scores(tokens, row[which], place[which], token)
        return log_x

    def _now(self, tokens: Tensor) -> Tensor:
        """gamma log p(y | z_t), float64 `[B]`."""
        row = torch.arange(len(tokens), device=tokens.device)
        return self._scores(tokens, row, torch.zeros_like(row), tokens[:, 0])

    def _scores(self, tokens: Tensor, row: Tensor, place: Tensor, token: Tensor) -> Tensor:
        """gamma log p(y | sequence `row` with `token` at `place`), float64 `[n]`, from memory where z_t is the same."""
        if self._at is None or not torch.equal(self._at, tokens):
            self._at = tokens
            self._table = torch.empty(*tokens.shape, 0, dtype=torch.float64, device=tokens.device)
        more = int(token.max()) + 1 - self._table.shape[2]
        if more > 0:
            self._table = torch.nn.functional.pad(self._table, (0, more), value=torch.nan)
        missing = self._table[row, place, token].isnan()
        for part in missing.nonzero()[:, 0].split(self.CHUNK) if missing.any() else ():
            changed = tokens[row[part]]
            changed[torch.arange(len(part), device=tokens.device), place[part]] = token[part]
            self._table[row[part], place[part], token[part]] = self.classifier(changed).double()
        return self.guidance_scale * self._table[row, place, token]
