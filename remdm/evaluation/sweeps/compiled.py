"""The model of a sweep, compiled on request: for a sweep of hours the minute that it takes is well spent."""

import argparse
from dataclasses import replace

import torch
from torch import Tensor

from remdm.models.checkpoints import Checkpoint
from remdm.models.network import Accelerated, Network, NetworkDenoiser, type_name


class Compiled(Accelerated):
    """A network whose `hidden`, its greatest part, is compiled for any batch."""

    rounding = "compiled"

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.compiled_hidden = torch.compile(network.hidden, dynamic=True)

    def hidden(self, tokens: Tensor) -> Tensor:
        return self.compiled_hidden(tokens)


def compiled(args: argparse.Namespace, checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with its network compiled, if the flag asks for it.

    Raises:
        ValueError: if Ray or OpenVINO is asked for as well.
    """
    if not args.compile:
        return checkpoint
    if checkpoint.compute.backend:
        raise ValueError(f"--compile and {checkpoint.compute.backend} exclude each other: name another --device")
    if args.ray:
        raise ValueError("--compile and --ray exclude each other: a compiled network cannot be sent to workers")
    denoiser = checkpoint.denoiser
    assert isinstance(denoiser, NetworkDenoiser)  # as all models that are measured
    network = denoiser.network.network if isinstance(denoiser.network, Accelerated) else denoiser.network
    return replace(checkpoint, denoiser=replace(denoiser, network=Compiled(network)))


def number_type(checkpoint: Checkpoint) -> str:
    """The number type a model runs in, and by what means if it rounds otherwise."""
    return type_name(checkpoint.compute.dtype, checkpoint.denoiser.network)
