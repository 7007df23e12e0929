"""Whether a model fits into memory: checked before it is loaded."""

import math
from pathlib import Path

import torch
from safetensors import safe_open

from remdm.hub.store import size
from remdm.models.checkpoints import CheckpointError
from remdm.models.network import Compute
from remdm.models.weights import reading_file

OVERHEAD = 1.2
"""Memory that loading and one step take, as a multiple of the weights' own."""
MAX_WEIGHTS_ON_CPU = 2_000_000_000
"""Beyond this a step takes half a minute on a few cores."""


class InsufficientMemory(CheckpointError):
    """There is too little memory left; dropping other models may help."""


def count(place: Path) -> int:
    """Number of weights in a folder's safetensors files, by their headers; in other files at most as many.

    Raises:
        ValueError: for a safetensors file that is not one.
    """
    files = [place] if place.is_file() else sorted(place.glob("*.safetensors"))
    if not files:
        files = sorted([*place.glob("*.bin"), *place.glob("*.ckpt"), *place.glob("*.pth")])
    return sum(_in_header(file) if file.suffix == ".safetensors" else file.stat().st_size // 4 for file in files)


def _in_header(file: Path) -> int:
    with reading_file(file), safe_open(file, framework="pt") as tensors:
        return sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118


def free(device: torch.device) -> int | None:
    """Free memory of a device in bytes, None where it cannot be read."""
    if device.type == "cuda":
        try:
            return int(torch.cuda.mem_get_info(device)[0])
        except RuntimeError:  # ZeroGPU: no GPU is attached yet
            return None
    most, used = _of_container("memory.max"), _of_container("memory.current")
    left = None if most is None or used is None else max(0, most - used)
    return min((each for each in (_of_machine("MemAvailable"), left) if each is not None), default=None)


def total() -> int | None:
    """Bytes of memory that this machine has, or its container; None where it cannot be read."""
    sizes = (_of_machine("MemTotal"), _of_container("memory.max"))
    return min((each for each in sizes if each is not None), default=None)


def _of_machine(name: str) -> int | None:
    """A line of /proc/meminfo in bytes; None where there is none."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)


def _of_container(name: str) -> int | None:
    """A number of bytes that the container's control group has; None outside of one, and where there is no limit."""
    try:
        return int((Path("/sys/fs/cgroup") / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not in a container, or "max"
        return None


def check(name: str, weights: int, compute: Compute, whole: int = 0) -> None:
    """Refuse a model of so many weights if the device's memory cannot hold it, or its share of one that is split.

    Args:
        name: of the model.
        weights: of all of it.
        compute: where it is to run. The shares of a CPU are all in the same memory; "meta" holds none.
        whole: how many of the weights are not split but on the first device.

    Raises:
        CheckpointError: for one that needs a GPU.
        InsufficientMemory: with what it takes and what is free.
    """
    device = compute.device
    if device.type == "meta":
        return
    if device.type == "cpu" and weights > MAX_WEIGHTS_ON_CPU:
        raise CheckpointError(
            f"{name} has {weights / 1e9:.1f} billion weights, which needs a GPU: on this machine's CPU a step would "
            "take half a minute. Choose a smaller model."
        )
    if device.type == "cuda":
        weights = whole + (weights - whole) // compute.devices
    held = compute.dtype.itemsize
    if compute.backend:  # compiled they are there twice, and meanwhile in float32 too
        held += held + torch.float32.itemsize
    needed, available = int(weights * held * OVERHEAD), free(device)
    if available is not None and needed > available:
        where = "GPU memory" if device.type == "cuda" else "memory"
        raise InsufficientMemory(f"{name} takes about {size(needed)} of {where}, but {size(available)} are free.")
