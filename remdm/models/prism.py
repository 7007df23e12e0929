"""The PRISM head (arXiv 2510.01384): how likely each token is to be right, out of a network's hidden states.

The network stays as it is. The head is a block over what is computed for x_theta anyway: a score costs no evaluation.
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from remdm.models.layers import SandwichBlock, attend

WEIGHTS, CONFIG = "prism.safetensors", "prism.json"


@dataclass(frozen=True)
class PrismConfig:
    """Its shape: the width of the network's hidden states, and that of the head's block."""

    hidden: int
    width: int = 128
    heads: int = 4


class Prism(nn.Module):
    """Hidden states `[B, L, D]` to the log-odds that the token at each position is right, float32 `[B, L]`."""

    def __init__(self, config: PrismConfig) -> None:
        super().__init__()
        self.config = config
        self.enter = nn.Linear(config.hidden, config.width)
        self.block = SandwichBlock(config.width, config.heads)
        self.norm = nn.RMSNorm(config.width)
        self.leave = nn.Linear(config.width, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        x = self.enter(hidden.float())
        x = self.block.finish(x, attend(*self.block.project(self.block.norm_attention(x))))
        return self.leave(self.norm(x)).squeeze(-1)


def save_prism(folder: Path, head: Prism, about: dict[str, Any]) -> None:
    """Write a head to its model's folder, with `about`: how it was trained and how good it is."""
    save_file({name: weight.half().contiguous() for name, weight in head.state_dict().items()}, folder / WEIGHTS)
    config = {"shape": asdict(head.config), "training": about}
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


@cache
def load_prism(folder: Path, device: torch.device) -> Prism | None:
    """The head in a model's folder, in float32, loaded once per device; None where there is none.

    Raises:
        ValueError: if its files do not fit each other.
    """
    if not (folder / WEIGHTS).is_file():
        return None
    try:
        head = Prism(PrismConfig(**json.loads((folder / CONFIG).read_text(encoding="utf-8"))["shape"]))
        head.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise ValueError(f"{WEIGHTS} does not fit its {CONFIG}: {type(error).__name__} {error}") from error
    return head.to(device).float().eval().requires_grad_(False)
