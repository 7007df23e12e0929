"""What is asked for before anything is loaded: a run, and the seed that it draws its numbers from."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from remdm.runs.domain import Domain, Model
from remdm.runs.trace_file import MAX_NAME, MAX_PROMPT
from remdm.sampling.methods import Settings

MAX_SEED = 2**53 - 1
"""The largest seed: still exact as a JSON number in every browser."""


_HALF = re.compile("[\ud800-\udfff]")


def readable(text: str) -> str:
    """Text that can be encoded: half a surrogate pair, as a browser or a shell may send it, becomes U+FFFD."""
    return _HALF.sub("\N{REPLACEMENT CHARACTER}", text)


@dataclass(frozen=True)
class RunRequest:
    """What is asked for: a domain's model, its start, the sampler's settings and the seed.

    `index` tells the runs of one seed apart: run k is the same whether it is made alone or as one of many. `asked` is
    of the domain's kind (`Domain.ask`), None for its defaults. `start` (ids `[L]`) takes the prompt's place. `watch`:
    whether the confidence of every masked position is computed and recorded at each step, or only of those that decode,
    which takes less time where the vocabulary is large; the tokens are the same. `coupled`: whether its random numbers
    have addresses (coupled_noise.py), so that it can be compared with others and taken up. `drafts`: whether the
    likeliest token of each masked position is recorded with its confidence.

    Raises:
        ValueError: for a prompt or a model name that no trace could keep.
    """

    domain: Domain
    model: Model
    prompt: str
    length: int
    settings: Settings
    seed: int
    index: int = 0
    device: str = "auto"
    asked: Any = None
    start: tuple[int, ...] | None = None
    watch: bool = True
    coupled: bool = False
    drafts: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompt", readable(str(self.prompt)))
        if len(self.prompt) > MAX_PROMPT:
            raise ValueError(f"The prompt has {len(self.prompt):,} letters; at most {MAX_PROMPT:,} can be kept.")
        if len(self.model.name) > MAX_NAME:
            raise ValueError(f"The model's name has more than {MAX_NAME:,} letters, which no trace can keep.")
        if self.asked is None:
            object.__setattr__(self, "asked", self.domain.ask())


def run_seed(seed: int, index: int) -> int:
    """The generator's seed of run `index` of a user's seed.

    Raises:
        ValueError: if the seed is not a whole number from 0 to 2^53 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise ValueError(f"seed must be a whole number from 0 to 2^53 - 1, got {seed}")
    return int(np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)[0] >> 1)
