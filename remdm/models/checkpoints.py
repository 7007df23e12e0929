"""Checkpoints: a loaded model, and the embedded ones in `checkpoints/`: saved, found and loaded."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from remdm.models.accelerated import accelerated
from remdm.models.cache import ModelCache
from remdm.models.encoder import Encoder, EncoderConfig
from remdm.models.labels import LabelDenoiser
from remdm.models.network import Compute, Network, NetworkDenoiser
from remdm.models.prism import load_prism
from remdm.models.square_transformer import GridConfig, GridTransformer
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.models.weights import load_weights, read_json, reading_file, save_weights
from remdm.paths import CHECKPOINTS

ROOT = CHECKPOINTS

EmbeddedNetwork = PlainTransformer | GridTransformer | Encoder
ARCHITECTURES: dict[str, tuple[Callable[..., EmbeddedNetwork], Callable[..., Any]]] = {
    "plain-transformer": (PlainTransformer, TransformerConfig),
    "grid-transformer": (GridTransformer, GridConfig),
    "encoder": (Encoder, EncoderConfig),
}
"""Networks of embedded models and their configs, by their name in config.json; a config has a `length`."""
OWN = "remdm"
"""The `model_type` of this project's own models; `model` says which of them."""
FILES = ("config.json", "model.safetensors", "tokenizer.json")
"""Of a model in this project's own format."""

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

    @property
    def unloaded(self) -> "Checkpoint":
        """The same without its network: what it takes to print and check what was written."""
        return replace(self, denoiser=NetworkDenoiser(Network(), self.mask_id))


EMBEDDED: ModelCache[Checkpoint] = ModelCache()
"""The embedded models that are loaded."""


def save_embedded(
    folder: Path, network: nn.Module, tokenizer: Tokenizer, mask_id: int, about: dict, eight_bits: bool = False
) -> None:
    """Write weights, config with `about` (how it was trained) and tokenizer to a folder.

    Weights are in half precision, or in 8 bits where that is asked or half precision would be more than LARGEST bytes.
    """
    assert isinstance(network, EmbeddedNetwork)
    folder.mkdir(parents=True, exist_ok=True)
    half = 2 * total_parameters(network) <= LARGEST and not eight_bits
    save_weights(network, folder / "model.safetensors", torch.float16 if half else torch.int8)
    config = {
        "model_type": OWN,
        "model": folder.name,
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


def ensure_whole(name: str, compute: Compute) -> None:
    """Refuse to split a model of a family that has no such code: only LLaDA has.

    Raises:
        CheckpointError: with what to do.
    """
    if compute.devices > 1:
        raise CheckpointError(
            f"{name} cannot be split over {compute.devices} devices, only a LLaDA can: serve it without "
            "--tensor-parallel-size."
        )


def load_embedded(name: str, compute: Compute) -> Checkpoint:
    """The embedded model of a name, loaded once per device and number type.

    Raises:
        CheckpointError: if one of its files is missing or damaged, its weights do not fit its config, or it is to be
            split.
    """
    return EMBEDDED.get(name, compute, _load_embedded)


def _load_embedded(name: str, compute: Compute) -> Checkpoint:
    ensure_whole(name, compute)
    try:
        return load_own(ROOT / name, name, compute)
    except (ValueError, OSError) as error:
        raise CheckpointError(
            f"The embedded model {name} cannot be loaded: {error}. Restore checkpoints/{name} from the repository or "
            f"train it with: python -m remdm train text --model {name}"
        ) from error


def load_own(folder: Path, name: str, compute: Compute) -> Checkpoint:
    """A model in this project's own format: config.json, model.safetensors and tokenizer.json in a folder.

    Raises:
        FileNotFoundError: with all their names, if files are missing.
        ValueError: if one is damaged, or they do not fit each other.
    """
    missing = [file for file in FILES if not (folder / file).is_file()]
    if missing:
        raise FileNotFoundError(f"it lacks {' and '.join(missing)}")
    config = read_json(folder / "config.json")
    try:
        make_network, make_config = ARCHITECTURES[config["architecture"]]
        network = make_network(make_config(**config["shape"]))
        mask_id = config["mask_id"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its config.json has no network of ours: {type(error).__name__} {error}") from error
    with reading_file(folder / "model.safetensors"):
        state = load_weights(folder / "model.safetensors")
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError("its weights do not fit its config.json") from error
    network = network.to(device=compute.device, dtype=compute.dtype).eval().requires_grad_(False)
    tokenizer = read_tokenizer(folder / "tokenizer.json")
    denoiser = NetworkDenoiser(accelerated(network, compute), mask_id, prism=load_prism(folder, compute.device))
    return Checkpoint(name, denoiser, tokenizer, mask_id, network.config.length, compute)


def read_tokenizer(file: Path) -> Tokenizer:
    """A tokenizer from its file.

    Raises:
        FileNotFoundError: if it is missing.
        ValueError: if the file is not a tokenizer.
    """
    with reading_file(file):
        try:
            return Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises nothing more specific
            raise ValueError(f"{file.name} is not a tokenizer: {error}") from error


def total_parameters(network: nn.Module) -> int:
    """Number of weights of a network."""
    return sum(weight.numel() for weight in network.parameters())


def ensure_known(ids: Iterable[int], checkpoint: Checkpoint) -> None:
    """Refuse ids from elsewhere that a model does not have: on a GPU these would end every run there.

    Raises:
        ValueError: with the first of them.
    """
    entries = max(checkpoint.tokenizer.get_vocab_size(), checkpoint.mask_id + 1)
    for token in ids:
        if not 0 <= token < entries:
            raise ValueError(f"{token} is not a token of this model, so no run of it can go on from there")
