"""Whether a model fits into memory, asked before it is loaded."""

import math
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from remdm.hub.store import size
from remdm.models.checkpoints import CheckpointError
from remdm.models.network import Compute

ROOM = 1.2
"""What loading and a step take beside the weights, as a factor."""
MOST_ON_CPU = 2_000_000_000
"""Weights: beyond this a step takes half a minute on a few cores."""


class NoRoom(CheckpointError):
    """There is too little memory left."""


def count(place: Path) -> int:
    """How many weights a folder's safetensors files hold, by their headers; of other files at most as many.

    Raises:
        ValueError: for a file of another format under that name.
    """
    files = [place] if place.is_file() else sorted(place.glob("*.safetensors"))
    if not files:
        files = sorted([*place.glob("*.bin"), *place.glob("*.ckpt"), *place.glob("*.pth")])
    return sum(_inside(file) if file.suffix == ".safetensors" else file.stat().st_size // 4 for file in files)


def _inside(file: Path) -> int:
    try:
        with safe_open(file, framework="pt") as tensors:
            return sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{file.name} is not a safetensors file: {error}") from error


def free(device: torch.device) -> int | None:
    """Bytes that can still be had on a device, None where this cannot be told."""
    if device.type == "cuda":
        try:
            return int(torch.cuda.mem_get_info(device)[0])
        except RuntimeError:  # ZeroGPU: the GPU is not there yet
            return None
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        return None
    lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="utf-8").splitlines() if ":" in line)
    available = int(lines.get("MemAvailable", "0 kB").split()[0]) * 1024
    limit = _container()
    return available if limit is None else min(available, limit)


def _container() -> int | None:
    """What a container's own limit leaves."""
    folder = Path("/sys/fs/cgroup")
    try:
        most, used = (int((folder / name).read_text(encoding="utf-8")) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no container, or "max": no limit
        return None
    return max(0, most - used)


def check(name: str, weights: int, compute: Compute) -> None:
    """Refuse a model of so many weights if the device has no room for it.

    Raises:
        CheckpointError: with what it takes and what there is; `NoRoom` where other models may be in the way.
    """
    device = compute.device
    if device.type == "cpu" and weights > MOST_ON_CPU:
        raise CheckpointError(
            f"{name} has {weights / 1e9:.1f} billion weights, which needs a GPU: on this machine's CPU a step would "
            "take half a minute. Choose a smaller model."
        )
    needed, there = int(weights * compute.dtype.itemsize * ROOM), free(device)
    if there is not None and needed > there:
        where = "GPU memory" if device.type == "cuda" else "memory"
        raise NoRoom(f"{name} takes about {size(needed)} of {where}, but {size(there)} are free.")
