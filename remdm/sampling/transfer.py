"""What crosses between the host and the network's device, so that the host waits for it once a step.

Who changes is decided on the host: it takes uniform numbers and the schedule, no network. So `z_t` and the rows that
are wanted stay there, while x_theta, `[n, V]`, and the draws stay on the device. With rows known to the host no shape
depends on what the device computes, and the only wait is for the tokens drawn.
"""

import torch
from torch import Tensor

ON_A_CARD = 32
"""How many times as much a CUDA device takes at a time: there each part costs launches, and memory is plenty."""


def at_once(host: int, device: torch.device) -> int:
    """How much a device takes at a time, given how much the host does."""
    return host * ON_A_CARD if device.type == "cuda" else host


def sent(x: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device; the host does not wait until it is there."""
    if device.type != "cuda" or x.device == device:
        return x.to(device)
    return x.contiguous().pin_memory().to(device, non_blocking=True)


def fetched(*parts: Tensor) -> tuple[Tensor, ...]:
    """Tensors of one device on the host, in one transfer: ids and float32 numbers are exact in 64-bit floats."""
    if all(part.device.type == "cpu" for part in parts):
        return parts
    flat = torch.cat([part.double().flatten() for part in parts]).cpu()
    pieces = flat.split([part.numel() for part in parts])
    return tuple(piece.view(part.shape).to(part.dtype) for piece, part in zip(pieces, parts, strict=True))


def picked(x: Tensor, rows: Tensor) -> Tensor:
    """`x[rows]` for bool rows on the host, of an `x` on any device, whose first axes are those of the rows."""
    if x.device == rows.device:
        return x[rows]
    return x.flatten(0, rows.ndim - 1).index_select(0, places(rows, x.device))


def places(rows: Tensor, device: torch.device) -> Tensor:
    """Where bool rows of the host are set, counted in row-major order, int64 `[n]` on a device."""
    return sent(rows.flatten().nonzero()[:, 0], device)
