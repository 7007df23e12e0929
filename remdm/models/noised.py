"""A classifier of noised sequences: log p(y | z_t) for guidance by a classifier (D-CBG, arXiv 2412.10193).

It has no time input: every position is masked with the same probability, so that given z_t the time tells nothing more
about x. Hence p(y | z_t, t) = p(y | z_t), and one network serves all times.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.models.weights import save_weights

WEIGHTS = "classifier.safetensors"
CONFIG = "classifier.json"


class NoisedClassifier(nn.Module):
    """Tokens `[B, L]`, partly masked, to one logit of p(property is high | tokens) per property, `[B, P]`."""

    def __init__(self, config: TransformerConfig, properties: tuple[str, ...]) -> None:
        super().__init__()
        self.properties = properties
        self.body = PlainTransformer(config)
        self.answer = nn.Linear(config.width, len(properties))

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits `[B, P]`, from the mean over positions."""
        return self.answer(self.body.hidden(tokens).mean(dim=1))

    def likelihood(self, name: str) -> Callable[[Tensor], Tensor]:
        """Tokens `[n, L]` to log p(property is high | tokens), float32 `[n]`.

        Raises:
            ValueError: for a property that it has not learned.
        """
        if name not in self.properties:
            raise ValueError(f"the classifier knows {', '.join(self.properties)}, got {name}")
        place = self.properties.index(name)

        @torch.inference_mode()
        def log_p(tokens: Tensor) -> Tensor:
            device = self.answer.weight.device
            return F.logsigmoid(self(tokens.to(device))[:, place].float()).to(tokens.device)

        return log_p


def save_classifier(folder: Path, network: NoisedClassifier, about: dict) -> None:
    """Write weights in half precision and config, with `about` (how it was trained), to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(network, folder / WEIGHTS)
    config = {"properties": network.properties, "shape": asdict(network.body.config), "training": about}
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


@cache
def load_classifier(folder: Path, device: torch.device) -> NoisedClassifier:
    """The classifier in a folder, in float32, loaded once per device."""
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    network = NoisedClassifier(TransformerConfig(**config["shape"]), tuple(config["properties"]))
    network.load_state_dict(load_file(folder / WEIGHTS))
    return network.to(device).float().eval().requires_grad_(False)
