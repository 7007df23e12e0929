"""Networks as denoisers, and the device and number type that they run in."""

import os
import time
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from remdm.models.prism import Prism
from remdm.models.threads import fitting
from remdm.sampling.denoiser import Denoiser, probabilities
from remdm.sampling.transfer import picked, sent


class Network(nn.Module):
    """A masked language model: everything before the vocabulary in `hidden`, the vocabulary in `head`.

    Callers thus compute logits only for the rows that they need.
    """

    def hidden(self, tokens: Tensor) -> Tensor:
        """What the head reads, `[B, L, D]`, of ids `[B, L]`."""
        raise NotImplementedError

    def hidden_at(self, tokens: Tensor, rows: Tensor) -> Tensor:
        """`hidden` at the wanted rows alone, bool `[B, L]` on the host, as `[n, D]` in row-major order."""
        return picked(self.hidden(tokens), rows)

    def head(self, hidden: Tensor) -> Tensor:
        """Logits `[..., V]` of rows of `hidden`, `[..., D]`."""
        raise NotImplementedError

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.hidden(tokens))


class Accelerated(Network):
    """A network whose `hidden` is computed by other means than torch's operators one by one; its head is as ever.

    `rounding` names the means in results where the numbers are rounded otherwise.
    """

    rounding = ""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def head(self, hidden: Tensor) -> Tensor:
        """Logits `[..., V]` of `[..., D]`; the number of rows changes from step to step."""
        return self.network.head(hidden)


@dataclass(frozen=True)
class Compute:
    """Where and in which number type a network runs, and why.

    `card` is a CUDA device's name; over `devices` of one kind a network is split, with a process for each. The device
    "meta" is for a network whose weights are elsewhere: only its shape is here. `backend` names a library that runs
    the network in place of torch.
    """

    device: torch.device
    dtype: torch.dtype
    reason: str
    card: str = ""
    devices: int = 1
    backend: str = ""

    @property
    def title(self) -> str:
        """As traces and the page have it, such as `cpu float32`; a CUDA device with its name, several with a number."""
        several = f"{self.devices} devices" if self.devices > 1 else ""
        kind = f"{self.device.type} {str(self.dtype).removeprefix('torch.')}"
        return ", ".join(filter(None, (kind, self.backend, self.card, several)))

    def autocast(self, cached: bool = True) -> torch.autocast:
        """For training here: products in bfloat16 where that is the number type, weights turned into it once each."""
        half = self.dtype == torch.bfloat16
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half, cache_enabled=cached)


def type_name(dtype: torch.dtype, network: nn.Module) -> str:
    """A number type for results, with the means by which the network is computed if they round otherwise."""
    means = network.rounding if isinstance(network, Accelerated) else ""
    return f"{str(dtype).removeprefix('torch.')} {means}".rstrip()


def _matmul_seconds(dtype: torch.dtype, seconds: float = 0.1) -> float:
    """Seconds that one 256 x 768 x 768 product takes, the best of what fits into the time.

    CPU seconds of this thread: other work on the machine must not decide the number type, and with it the run.
    """
    a, b = torch.randn(256, 768).to(dtype), torch.randn(768, 768).to(dtype)
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        begun = time.thread_time()
        a @ b
        best = min(best, time.thread_time() - begun)
    return best


DEVICES = ("auto", "cpu", "openvino", "cuda", "mps")
"""What can be asked for; `auto` takes CUDA where there is any, and else the CPU. `openvino` is the CPU as well."""
TRAINING = tuple(device for device in DEVICES if device != "openvino")
"""What can be trained on."""
VARIABLE = "REMDM_DEVICE"
"""The environment variable that says what `auto` means."""


def wanted(device: str = "auto") -> str:
    """The device that is asked for, REMDM_DEVICE in the place of `auto`.

    Raises:
        ValueError: for an unknown device, or one that is not there.
    """
    name = "device"
    if device == "auto" and VARIABLE in os.environ:
        name, device = VARIABLE, os.environ[VARIABLE]
    if device not in DEVICES:
        raise ValueError(f"{name} must be one of {', '.join(DEVICES)}, got {device[:40]}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"{name} is cuda, but this machine shows no CUDA device; use cpu or auto")
    if device == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"{name} is mps, but this machine shows no Apple GPU; use cpu or auto")
    if device == "openvino" and find_spec("openvino") is None:
        raise ValueError(f"{name} is openvino, which is not installed here: run `pip install openvino`, or use cpu")
    return device


@cache
def compute(device: str = "auto") -> Compute:
    """Choose device and number type by a short trial, once a process: machines of one kind differ.

    An Apple GPU (`mps`) has to be asked for, and so has OpenVINO (openvino.py). An Apple GPU has no 64-bit floats; the
    draws, which need them, are made on the CPU whatever the device.

    Raises:
        ValueError: for an unknown device, or one that is not there.
    """
    device = wanted(device)
    if device == "openvino":
        return replace(compute("cpu"), backend="OpenVINO")
    if device == "mps":
        return Compute(torch.device("mps"), torch.float32, "an Apple GPU was asked for")
    if device != "cpu" and torch.cuda.is_available():
        card = torch.cuda.get_device_name()
        return Compute(torch.device("cuda"), torch.bfloat16, "a CUDA device is there", card)
    ratio = _matmul_seconds(torch.float32) / _matmul_seconds(torch.bfloat16)
    fast = ratio > 1.3
    why = f"bfloat16 products run at {ratio:.1f} times the speed of float32 here"
    return Compute(torch.device("cpu"), torch.bfloat16 if fast else torch.float32, why)


AT_ONCE = 4096
"""Positions in one forward on a CPU: beyond this each layer allocates memory anew, which costs a third more time."""


@dataclass(frozen=True)
class NetworkDenoiser(Denoiser):
    """x_theta of an untimed network.

    The network runs in its own type; log-probabilities are float32. They stay on a CUDA device; from an Apple GPU,
    which lacks the 64-bit floats that draws take, they come to the host. `prism` scores the tokens, where a head was
    trained for the network.
    """

    network: Network
    mask_id: int
    end_ids: tuple[int, ...] = ()
    prism: Prism | None = None

    @torch.inference_mode()
    def __call__(self, tokens: Tensor, rows: Tensor, t: float) -> Tensor:
        """log x_theta at the wanted rows, `[n, V]`: the vocabulary's product is taken for those alone."""
        with fitting(self.network, tokens):
            return self._log_x(self._hidden(tokens, rows), tokens)

    @property
    def scored(self) -> bool:
        """Whether it has a head for that."""
        return self.prism is not None

    @torch.inference_mode()
    def scores(self, tokens: Tensor, rows: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """See `Denoiser`; the head reads what the network made of all positions for x_theta.

        Raises:
            ValueError: there is no head.
        """
        if self.prism is None:
            return super().scores(tokens, rows, t)
        with fitting(self.network, tokens):
            hidden = self._hidden(tokens, torch.ones_like(rows)).unflatten(0, tokens.shape)
            log_x = self._log_x(picked(hidden, rows), tokens)
            return log_x, self.prism(hidden).to(log_x.device)

    def _hidden(self, tokens: Tensor, rows: Tensor) -> Tensor:
        device = next(self.network.parameters()).device
        if device.type == "meta":
            raise ValueError("This model is split over the devices of its replicas, which make runs and nothing else.")
        count = max(1, AT_ONCE // tokens.shape[1]) if device.type == "cpu" else len(tokens)
        parts = zip(sent(tokens, device).split(count), rows.split(count), strict=True)
        return torch.cat([self.network.hidden_at(part, where) for part, where in parts])

    def _log_x(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        log_x = probabilities(self.network.head(hidden), self.mask_id)
        return log_x if log_x.device.type == "cuda" else log_x.to(tokens.device)
