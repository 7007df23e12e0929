"""A token written by hand into a run: which one, and what became of it."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from remdm.runs.record import PreparedRun
from remdm.runs.trace import Frame
from remdm.sampling.coupled_noise import mixed
from remdm.sampling.state import State
from remdm.sampling.transition import TOP

SPECIAL = re.compile(r"^<.*>$")
UNLIKELY = 0.01
"""A token counts as unlikely below this probability."""


@dataclass(frozen=True)
class Change:
    """A token written by hand at a position (the mask's id: sent back), with the probability that the model gave it."""

    position: int
    token: int
    probability: float = 0.0


def changed(state: State, change: Change, row: int = 0) -> State:
    """A state with a change made in one of its sequences.

    Raises:
        ValueError: at a position that the prompt gave.
    """
    if state.given[row, change.position]:
        raise ValueError(f"Position {change.position} is part of the prompt, which never changes; choose another token")
    tokens, psi = state.tokens.clone(), state.psi.clone()
    tokens[row, change.position] = change.token
    psi[row, change.position] = torch.inf if change.token == state.mask_id else change.probability
    return replace(state, tokens=tokens, psi=psi)


def beliefs(run: PreparedRun, state: State, position: int) -> Tensor:
    """log x_theta of every token at a position, masked for the purpose, `[V]`, before truncation."""
    tokens = state.tokens.clone()
    tokens[0, position] = state.mask_id
    rows = torch.zeros_like(state.given)
    rows[0, position] = True
    return run.request.model.denoiser(run.checkpoint, run.request.asked)(tokens, rows, 0.5)[0].cpu()


def written(run: PreparedRun, state: State, position: int, token: int) -> Change:
    """A token by its id at a position, with the probability that the model gives it there.

    Raises:
        ValueError: for an id that is not a token of the model.
    """
    log_p = beliefs(run, state, position)
    if not 0 <= token < len(log_p) or token == state.mask_id:
        raise ValueError(f"{token} is not a token of this model")
    return Change(position, token, float(log_p[token].exp()))


def likely(run: PreparedRun, state: State, position: int, count: int = TOP) -> list[tuple[int, float]]:
    """The likeliest tokens of a position and their probabilities, were it masked."""
    top = beliefs(run, state, position).double().exp().topk(count)
    return [(token, round(p, 6)) for p, token in zip(top.values.tolist(), top.indices.tolist(), strict=True) if p > 0]


def chosen_token(run: PreparedRun, state: State, position: int, how: str, word: str = "") -> Change:
    """A change by `how`: `typed` (`word`), `unlikely` (the model gave it less than 1 %) or `mask`.

    Raises:
        ValueError: for a word that is not a token of the model, or a position that the prompt gave.
    """
    if how == "mask":
        if state.masked[0, position]:
            raise ValueError(f"Position {position} is masked at this step already; choose another token or step")
        return Change(position, state.mask_id)
    log_p = beliefs(run, state, position)
    if how == "typed":
        token = _named(run, word, len(log_p))
        return Change(position, token, float(log_p[token].exp()))
    here = int(state.tokens[0, position])
    usable = log_p > -torch.inf
    usable[[here]] = False
    weights = usable.double()
    if bool((usable & (log_p.exp() < UNLIKELY)).any()):
        weights = log_p.double().exp().where(usable & (log_p.exp() < UNLIKELY), 0.0)
    generator = torch.Generator().manual_seed(mixed(run.seed, position, here))
    for _ in range(1000):  # nobody would see a special token as an error
        token = int(torch.multinomial(weights, 1, generator=generator))
        if not SPECIAL.match(run.pieces([token])[token].strip()):
            break
    return Change(position, token, float(log_p[token].exp()))


def _named(run: PreparedRun, word: str, size: int) -> int:
    names = {
        piece.strip(): token for token, piece in run.pieces(range(size)).items() if token != run.checkpoint.mask_id
    }
    word = word.strip()
    if word in names:
        return names[word]
    near = difflib.get_close_matches(word, list(names), n=3, cutoff=0.5)
    hint = f" Near it: {', '.join(near)}." if near else ""
    raise ValueError(f"“{word[:40]}” is not a token of this model.{hint}" if word else "Type a token first.")


@dataclass(frozen=True)
class Outcome:
    """What became of a planted token, in steps after it was planted (None: never), and the token that stands there now.

    `remasked` counts the steps until it was sent back to the mask, `replaced` until another token was decoded there.
    """

    remasked: int | None
    replaced: int | None
    end: int


def outcome(frames: Sequence[Frame], change: Change, mask_id: int) -> Outcome:
    """Follow a planted token through the steps after its planting."""
    remasked = replaced = None
    now = change.token
    for count, each in enumerate(frames, 1):
        if change.position in each.remasked:
            now = mask_id
            remasked = remasked or count
        now = next((token for position, token, _ in each.decoded if position == change.position), now)
        if now not in (change.token, mask_id):
            replaced = replaced or count
    return Outcome(remasked, replaced, now)


def outcome_sentence(change: Change, frames: Sequence[Frame], run: PreparedRun) -> str:
    """What became of a planted token, in one sentence."""
    found = outcome(frames, change, run.checkpoint.mask_id)
    word, now = (run.pieces([token])[token].strip() for token in (change.token, found.end))
    if found.remasked is None and found.replaced is None:
        return f"“{word}” was never sent back: it stands to the end."
    # replaced without having been remasked: while it was hidden to be judged
    wait, how = min((when, how) for when, how in ((found.remasked, "remasked"), (found.replaced, "replaced")) if when)
    first = f"“{word}” was {how} {wait} step{'s' if wait != 1 else ''} after it was planted"
    if found.end == change.token:
        return f"{first}, and came back."
    if found.end == run.checkpoint.mask_id:
        return f"{first}; nothing has come instead yet."
    return f"{first}, and “{now}” stands there now."
