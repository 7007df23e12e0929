"""MDLM's checkpoint files as a DiT: a folder as on the hub, or a Lightning checkpoint.

Both are read without running code; shapes that a file does not state come from its tensors.
"""

from pathlib import Path

import torch
from torch import Tensor

from remdm.models import weights
from remdm.models.dit import DiT, DiTConfig
from remdm.models.layers import inverse_frequencies
from remdm.models.weights import read_config, read_inert, read_safetensors

HUB_FIELDS = {
    "vocab_size": "vocab_size",
    "length": "model_length",
    "hidden_dim": "hidden_dim",
    "cond_dim": "cond_dim",
    "n_blocks": "n_blocks",
    "n_heads": "n_heads",
    "time_conditioning": "time_conditioning",
}


def load_hub_folder(path: Path | str, dtype: torch.dtype | None = None, device: torch.device | str = "cpu") -> DiT:
    """A DiT from a folder with config.json and model.safetensors, as kuleshov-group/mdlm-owt has them.

    Raises:
        FileNotFoundError: if one of them is missing.
        ValueError: if they do not fit each other.
    """
    config_file, weights_file = Path(path) / "config.json", Path(path) / "model.safetensors"
    for file in (config_file, weights_file):
        if not file.is_file():
            raise FileNotFoundError(f"{file} is missing: download the model's config.json and model.safetensors there")
    config = DiTConfig(**read_config(config_file, HUB_FIELDS))
    state = {name.removeprefix("backbone."): value for name, value in read_safetensors([weights_file]).items()}
    return assemble(config, state, weights_file, dtype, device)


def load_lightning(
    path: Path | str,
    length: int = 1024,
    time_conditioning: bool = False,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> DiT:
    """A DiT from the authors' Lightning checkpoint (.ckpt): its averaged weights, or the plain ones if it has none.

    `length` and `time_conditioning` leave no trace in such a file and are the caller's.

    Raises:
        FileNotFoundError: if it is missing.
        ValueError: if it is something else.
    """
    checkpoint = read_inert(Path(path))
    state = checkpoint.get("state_dict") if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict):
        raise ValueError(f"{path} has no state_dict, so it is not a Lightning checkpoint")
    state = {name: value for name, value in weights.plain_names(state).items() if name.startswith("backbone.")}
    state = {name.removeprefix("backbone."): value for name, value in state.items()}
    model = blank(geometry(state, length, time_conditioning, path))
    averages = checkpoint.get("ema")
    if averages is not None:
        shadow = averages.get("shadow_params") if isinstance(averages, dict) else None
        if not isinstance(shadow, list):
            raise ValueError(f"{path} has averaged weights, but not as a list of tensors named shadow_params")
        names = [name for name, _ in model.named_parameters()]
        if len(shadow) != len(names):
            raise ValueError(f"{path} has {len(shadow)} averaged parameters where this architecture has {len(names)}")
        state |= dict(zip(names, shadow, strict=True))
    return assemble(model.config, state, path, dtype, device)


def geometry(state: dict[str, Tensor], length: int, time_conditioning: bool, path: Path | str) -> DiTConfig:
    """The configuration that a state dict's shapes imply.

    Raises:
        ValueError: if they are not a DiT's.
    """
    with weights.reading_shape(path, "DiT"):
        vocab_size, hidden_dim = state["vocab_embed.embedding"].shape
        cond_dim = len(state["sigma_map.mlp.2.bias"])
        head_width = 2 * len(state["rotary_emb.inv_freq"])
        n_blocks = weights.count_blocks(state, "blocks.")
    return DiTConfig(
        vocab_size, length, hidden_dim, cond_dim, n_blocks, hidden_dim // max(head_width, 1), time_conditioning
    )


def blank(config: DiTConfig) -> DiT:
    """A DiT of shapes only, without memory for its weights."""
    return weights.blank(lambda: DiT(config))


def assemble(
    config: DiTConfig,
    state: dict[str, Tensor],
    source: Path | str,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> DiT:
    """A DiT in evaluation mode with the given tensors.

    Raises:
        ValueError: if they do not fit exactly.
    """
    # some exports leave out buffers, and this one follows from the shape alone
    state = {"rotary_emb.inv_freq": inverse_frequencies(config.hidden_dim // config.n_heads)} | state
    return weights.fill(blank(config), state, source, dtype, device)
