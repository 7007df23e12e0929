"""How an answer is written behind a prompt, for any sampler: in blocks, pulled towards the prompt, without end marks.

These are the options of LLaDA's own `generate` (arXiv 2502.09992, its public code and Appendix B.4).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from remdm.sampling.cached import Cached
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.guidance import Guided, PromptMasked, Without
from remdm.sampling.knobs import Checked, knob, knobs
from remdm.sampling.state import State

ALLOWED, FORBIDDEN = "allowed", "forbidden"


@dataclass(frozen=True)
class Answering(Checked):
    """What decides how an answer is written besides the sampler; all of it is off by default."""

    block_length: int = knob(
        0, 0, 1024, step=1, help="Write so many positions at a time, block after block from the left; 0 is off.",
    )  # fmt: skip
    prompt_guidance: float = knob(
        1.0, 0, 8, step=0.1, symbol="γ",
        help="Pulls towards the prompt, for a second network evaluation a step; 1 is off. LLaDA's cfg_scale is γ − 1.",
    )  # fmt: skip
    end_marks: str = knob(
        ALLOWED, choices=(ALLOWED, FORBIDDEN), label="End of text",
        help="Forbidden: the token that ends a text is never written.",
    )  # fmt: skip

    def stated(self, papers: Collection[str]) -> dict[str, Any]:
        """What is not off, by name, and what a sampler's paper says itself."""
        values = {name: getattr(self, name) for name in knobs(self)}
        return {name: value for name, value in values.items() if name in papers or value != knobs(self)[name].default}

    def free(self, state: State) -> int | None:
        """Most positions to write in a sequence, where they are written in blocks; None where they are not.

        Raises:
            ValueError: if the sequences of the batch do not have equally many blocks.
        """
        if not self.block_length:
            return None
        counts = (~state.given).sum(1)
        blocks = sorted({-(-count // self.block_length) for count in counts.tolist()})
        if len(blocks) > 1:
            raise ValueError(f"runs in blocks share a batch only where all have equally many of them, got {blocks}")
        return int(counts.max())

    def around(self, denoiser: Denoiser, given: Tensor) -> tuple[Denoiser, tuple[Cached, ...]]:
        """x_theta as it is asked here, and the memories that count its NFE.

        Args:
            denoiser: x_theta of the model.
            given: the prompt's positions, bool `[B, L]`.

        Raises:
            ValueError: if end marks are forbidden to a model that has none.
        """
        guided = self.prompt_guidance != 1.0
        caches = tuple(Cached(denoiser) for _ in range(2 if guided else 1))
        asked: Denoiser = caches[0]
        if guided:
            asked = Guided(caches[0], PromptMasked(caches[1], given), self.prompt_guidance)
        if self.end_marks == FORBIDDEN:
            if not denoiser.end_ids:
                raise ValueError("end_marks can be forbidden only to a model that has any, such as LLaDA")
            asked = Without(asked, denoiser.end_ids[:1])
        for cache in caches:
            cache.forwards = torch.zeros(len(given), dtype=torch.int64)  # a run taken up may go on without a call
        return asked, caches
