"""Loading picture models: a transformer over codes and the decoder that draws them."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, models
from torch import Tensor

from remdm.hub import memory
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
        side: codes in a row.
        null: the class that stands for none.
    """

    decoder: VQGAN
    side: int
    null: int

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


def _numbers(entries: int) -> Tokenizer:
    """Codes have no words: each is called by its number."""
    return Tokenizer(models.WordLevel({str(code): code for code in range(entries)}, unk_token="0"))


def _draws_on(compute: Compute) -> torch.device:
    """Where pictures are drawn: on ZeroGPU the lent GPU is gone by then."""
    return (
        torch.device("cpu") if os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true") else compute.device
    )


def _whole(network: LabelNetwork, decoder: VQGAN, name: str, compute: Compute) -> ImageCheckpoint:
    config = network.config
    side = round(config.length**0.5)
    if side * side != config.length:
        raise ValueError(f"{name} has {config.length} positions, which is no square grid")
    if decoder.config.codes != config.codes:
        raise ValueError(f"{name} draws {config.codes} codes, but its decoder has {decoder.config.codes}")
    return ImageCheckpoint(
        name, LabelDenoiser(network, config.mask_id, config.null), _numbers(config.codes + 1), config.mask_id,
        config.length, compute, decoder, side, config.null,
    )  # fmt: skip


def _one(folders: tuple[Path, ...], pattern: str) -> Path:
    """The one file that fits a pattern in the first folder that has any.

    Raises:
        FileNotFoundError: if none has, or one has more.
    """
    files = next((files for folder in folders if (files := nearby(folder, pattern))), [])
    if len(files) != 1:
        raise FileNotFoundError(f"one file {pattern} is needed, got {', '.join(file.name for file in files) or 'none'}")
    return files[0]


def _check_room(file: Path, name: str, compute: Compute) -> None:
    """Refuse what does not fit into memory; a training file holds the optimiser's numbers too, which stay in it."""
    memory.check(name, sum(value.numel() for value in read_state(file, "model_state_dict").values()), compute)


def load_halton_files(folders: tuple[Path, ...], name: str, compute: Compute) -> ImageCheckpoint:
    """Halton-MaskGIT and LlamaGen's decoder, in one folder or two.

    Raises:
        FileNotFoundError, ValueError: where files are missing or do not fit.
    """
    _, scale, size = name.split("-") if name.startswith("halton-") else ("", "*", "*")
    decoder = load_llamagen(_one(folders, "vq_ds16*.pt"), _draws_on(compute))
    file = _one(folders, f"ImageNet_{scale}_{size}.pth")
    _check_room(file, name, compute)
    network = load_halton(file, compute.dtype, compute.device)
    return _whole(network, decoder, name, compute)


def load_maskgit_files(folders: tuple[Path, ...], name: str, compute: Compute) -> ImageCheckpoint:
    """Maskgit-pytorch and the taming decoder, in one folder or two.

    Raises:
        FileNotFoundError, ValueError: where files are missing or do not fit.
    """
    decoder = load_taming(_one(folders, "last.ckpt"), _draws_on(compute))
    file = _one(folders, "MaskGIT_ImageNet_256.pth" if name == "maskgit-256" else "MaskGIT_ImageNet_*.pth")
    _check_room(file, name, compute)
    network = load_maskgit(file, decoder.config.codes, compute.dtype, compute.device)
    return _whole(network, decoder, name, compute)
