"""Loading picture models, one function per family: a transformer over codes and the decoder that draws them."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, models
from torch import Tensor

from remdm.hub import memory
from remdm.hub.catalog import LLAMAGEN
from remdm.hub.store import nearby
from remdm.models.checkpoints import Checkpoint
from remdm.models.halton import load_halton
from remdm.models.labels import LabelDenoiser, LabelNetwork
from remdm.models.maskgit import load_maskgit
from remdm.models.network import Compute
from remdm.models.vqgan import VQGAN, load_llamagen, load_taming
from remdm.models.weights import read_state


@dataclass(frozen=True)
class ImageCheckpoint(Checkpoint):
    """A loaded picture model; `denoiser` is the unconditional one.

    Attributes:
        decoder: codes to pixels.
        side: codes in a row of the square grid.
        null: the class that stands for no class.
    """

    denoiser: LabelDenoiser
    decoder: VQGAN
    side: int
    null: int

    @property
    def unloaded(self) -> Checkpoint:
        """See `Checkpoint`; without its decoder too."""
        return Checkpoint(self.name, self.denoiser, self.tokenizer, self.mask_id, self.length, self.compute).unloaded

    @property
    def draws_quickly(self) -> bool:
        """Whether a picture can be drawn at every step."""
        return self.decoder.device.type != "cpu"

    def of(self, label: int) -> LabelDenoiser:
        """x_theta given a class (0 to 999, or `null`)."""
        return LabelDenoiser(self.denoiser.network, self.mask_id, label)

    def pictures(self, codes: Tensor) -> Tensor:
        """Codes `[B, L]` to pictures, uint8 `[B, H, W, 3]` on the CPU."""
        return self.decoder.pictures(codes.reshape(len(codes), self.side, self.side))


def _code_tokenizer(entries: int) -> Tokenizer:
    """A tokenizer of codes: each code's name is its number."""
    return Tokenizer(models.WordLevel({str(code): code for code in range(entries)}, unk_token="0"))


def _decoder_device(compute: Compute) -> torch.device:
    """The decoder's device: on ZeroGPU the GPU is detached before pictures are drawn."""
    zero_gpu = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
    return torch.device("cpu") if zero_gpu else compute.device


def _checkpoint(network: LabelNetwork, decoder: VQGAN, name: str, compute: Compute) -> ImageCheckpoint:
    config = network.config
    side = round(config.length**0.5)
    if side * side != config.length:
        raise ValueError(f"{name} has {config.length} positions, which is not a square grid")
    if decoder.config.codes != config.codes:
        raise ValueError(f"{name} draws {config.codes} codes, but its decoder has {decoder.config.codes}")
    return ImageCheckpoint(
        name, LabelDenoiser(network, config.mask_id, config.null), _code_tokenizer(config.codes + 1), config.mask_id,
        config.length, compute, decoder, side, config.null,
    )  # fmt: skip


def _folders(places: tuple[Path, ...]) -> tuple[tuple[Path, ...], Path | None]:
    """Where to look for files, and the weights if they were named themselves."""
    first = places[0]
    return ((first.parent, *places[1:]), first) if first.is_file() else (places, None)


def _only_file(folders: tuple[Path, ...], *patterns: str) -> Path:
    """The only file that matches a pattern, the first that has any, in the first folder that has any.

    Raises:
        FileNotFoundError: if no folder has one, or that folder has several.
    """
    files = next((files for pattern in patterns for folder in folders if (files := nearby(folder, pattern))), [])
    if len(files) != 1:
        got = ", ".join(file.name for file in files) or "none"
        raise FileNotFoundError(f"one file {patterns[-1]} is needed, got {got}; if there are several, name one of them")
    return files[0]


def _check_memory(file: Path, name: str, compute: Compute) -> None:
    """Refuse a model that does not fit into memory; the optimiser's numbers in its training file are not loaded."""
    memory.check(name, sum(value.numel() for value in read_state(file, "model_state_dict").values()), compute)


def load_halton_files(folders: tuple[Path, ...], name: str, compute: Compute) -> ImageCheckpoint:
    """Halton-MaskGIT and LlamaGen's decoder, in one folder or two.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if the files do not fit each other.
        CheckpointError: if there is too little memory.
    """
    _, scale, size = name.split("-") if name.startswith("halton-") else ("", "*", "*")
    folders, named = _folders(folders)
    decoder = load_llamagen(_only_file(folders, *LLAMAGEN.files, "vq_ds16*.pt"), _decoder_device(compute))
    file = named or _only_file(folders, f"ImageNet_{scale}_{size}.pth")
    _check_memory(file, name, compute)
    network = load_halton(file, compute.dtype, compute.device)
    return _checkpoint(network, decoder, name, compute)


def load_maskgit_files(folders: tuple[Path, ...], name: str, compute: Compute) -> ImageCheckpoint:
    """Maskgit-pytorch and the taming decoder, in one folder or two.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if the files do not fit each other.
        CheckpointError: if there is too little memory.
    """
    folders, named = _folders(folders)
    decoder = load_taming(_only_file(folders, "last.ckpt"), _decoder_device(compute))
    scale = name.removeprefix("maskgit-") if name.startswith("maskgit-") else "*"
    file = named or _only_file(folders, f"MaskGIT_ImageNet_{scale}.pth")
    _check_memory(file, name, compute)
    network = load_maskgit(file, decoder.config.codes, compute.dtype, compute.device)
    return _checkpoint(network, decoder, name, compute)
