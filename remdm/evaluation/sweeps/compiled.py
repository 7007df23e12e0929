"""The model of a sweep, compiled on request: for a sweep of hours the minute that it takes is well spent."""

import argparse
from dataclasses import replace

import torch
from torch import Tensor

from remdm.models.checkpoints import Checkpoint
from remdm.models.graphs import Graphed
from remdm.models.network import Network, NetworkDenoiser


class Compiled(Network):
    """A network whose `hidden`, its greatest part, is compiled for any batch."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.compiled_hidden = torch.compile(network.hidden, dynamic=True)

    def hidden(self, tokens: Tensor) -> Tensor:
        return self.compiled_hidden(tokens)

    def head(self, hidden: Tensor) -> Tensor:
        return self.network.head(hidden)


def compiled(args: argparse.Namespace, checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with its network compiled, if the flag asks for it.

    Raises:
        ValueError: if Ray is asked for as well.
    """
    if not args.compile:
        return checkpoint
    if args.ray:
        raise ValueError("--compile and --ray exclude each other: a compiled network cannot be sent to workers")
    denoiser = checkpoint.denoiser
    assert isinstance(denoiser, NetworkDenoiser)  # as all models that are measured
    network = denoiser.network.network if isinstance(denoiser.network, Graphed) else denoiser.network
    return replace(checkpoint, denoiser=replace(denoiser, network=Compiled(network)))


def number_type(checkpoint: Checkpoint) -> str:
    """The number type a model runs in; compiled it rounds otherwise, so that is said too."""
    is_compiled = isinstance(checkpoint.denoiser.network, Compiled)
    return str(checkpoint.compute.dtype).removeprefix("torch.") + (" compiled" if is_compiled else "")
