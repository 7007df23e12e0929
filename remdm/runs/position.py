"""Where runs stand between two steps: what it takes to go on elsewhere as if they had never been left."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from remdm.runs.frames import drafted
from remdm.runs.trace import Frame
from remdm.sampling.noise import Stand
from remdm.sampling.state import State


@dataclass(frozen=True)
class Position:
    """Where the B runs of a batch stand.

    A trace alone would not do: it rounds psi, and does not say where random numbers that come in turn go on.

    Attributes:
        state: the tokens and psi, `[B, L]`.
        first: the index of the step that comes next.
        stand: where the random numbers go on; empty where they have addresses (coupled_noise.py).
        forwards: NFE of each so far.
        drafts: of each the likeliest token known at each position, int64 `[L]`; None where that is not kept.
    """

    state: State
    first: int
    stand: Stand
    forwards: tuple[int, ...]
    drafts: tuple[np.ndarray | None, ...]


def behind(past: Sequence[Frame], state: State, first: int, drafts: bool) -> Position:
    """Where one run with coupled numbers stands after some frames, in a state that need not be the one they left."""
    known = drafted(past, state.tokens.shape[1]) if drafts else None
    return Position(state, first, (), (past[-1].forwards if past else 0,), (known,))
