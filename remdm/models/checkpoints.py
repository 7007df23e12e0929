"""Checkpoints: a loaded model, and the embedded ones in `checkpoints/`: saved, found and loaded."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from remdm.models.encoder import Encoder, EncoderConfig
from remdm.models.labels import LabelDenoiser
from remdm.models.network import Compute, NetworkDenoiser
from remdm.models.square_transformer import GridConfig, GridTransformer
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.models.weights import load_weights, save_weights
from remdm.paths import CHECKPOINTS

ROOT = CHECKPOINTS

EmbeddedNetwork = PlainTransformer | GridTransformer | Encoder
ARCHITECTURES: dict[str, tuple[Callable[..., EmbeddedNetwork], Callable[..., Any]]] = {
    "plain-transformer": (PlainTransformer, TransformerConfig),
    "grid-transformer": (GridTransformer, GridConfig),
    "encoder": (Encoder, EncoderConfig),
}
"""Networks of embedded models and their configs, by their name in config.json; a config has a `length`."""

LARGEST = 25_000_000
"""Bytes of the largest weights file of an embedded model."""


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message says which and what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model.

    Attributes:
        name: of an embedded model, its folder's; otherwise as in the catalog, a hub id or a path.
        denoiser: x_theta.
        tokenizer: text to ids and back.
        mask_id: the mask's id.
        length: the longest sequence, in positions.
        compute: device and number type, with the reason.
    """

    name: str
    denoiser: NetworkDenoiser | LabelDenoiser
    tokenizer: Tokenizer
    mask_id: int
    length: int
    compute: Compute


def save_embedded(folder: Path, network: nn.Module, tokenizer: Tokenizer, mask_id: int, about: dict) -> None:
    """Write weights, config with `about` (how it was trained) and tokenizer to a folder.

    Weights are in half precision, or in 8 bits where that would be more than LARGEST bytes.
    """
    assert isinstance(network, EmbeddedNetwork)
    folder.mkdir(parents=True, exist_ok=True)
    small = 2 * total_parameters(network) <= LARGEST
    save_weights(network, folder / "model.safetensors", torch.float16 if small else torch.int8)
    config = {
        "architecture": next(name for name, (kind, _) in ARCHITECTURES.items() if type(network) is kind),
        "mask_id": mask_id,
        "shape": asdict(network.config),
        "training": about,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tokenizer.save(str(folder / "tokenizer.json"))


def is_embedded(name: str) -> bool:
    """Whether there is a model of this name in `checkpoints/`."""
    return (ROOT / name / "model.safetensors").is_file()


def recommended(name: str) -> dict[str, Any]:
    """The settings that were measured to be best for an embedded model, from its folder; empty if none were."""
    path = ROOT / name / "recommended.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def weights_hash(folder: Path) -> str:
    """Twelve hexadecimal digits of the SHA-256 of a folder's weights: results are stored under them."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:12]


@cache
def load_embedded(name: str, compute: Compute) -> Checkpoint:
    """The embedded model of a name, loaded once per device and number type.

    Raises:
        CheckpointError: if one of its files is missing, or its weights do not fit its config.
    """
    folder = ROOT / name
    missing = [file for file in ("config.json", "model.safetensors", "tokenizer.json") if not (folder / file).is_file()]
    if missing:
        raise CheckpointError(
            f"The embedded model {name} lacks {' and '.join(missing)} in checkpoints/{name}; "
            f"restore the folder from the repository or train it with: python -m remdm train text --model {name}"
        )
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    make_network, make_config = ARCHITECTURES[config["architecture"]]
    network = make_network(make_config(**config["shape"]))
    try:
        network.load_state_dict(load_weights(folder / "model.safetensors"))
    except RuntimeError as error:
        raise CheckpointError(
            f"The weights of {name} do not fit its config.json; restore checkpoints/{name}"
        ) from error
    network = network.to(device=compute.device, dtype=compute.dtype).eval().requires_grad_(False)
    tokenizer, mask_id = Tokenizer.from_file(str(folder / "tokenizer.json")), config["mask_id"]
    return Checkpoint(
        name, NetworkDenoiser(network, mask_id), tokenizer, mask_id, network.config.length, compute
    )  # fmt: skip


def total_parameters(network: nn.Module) -> int:
    """Number of weights of a network."""
    return sum(weight.numel() for weight in network.parameters())
