"""Which means compute a network, by where it is to run."""

from remdm.models.graphs import Graphed
from remdm.models.network import Compute, Network
from remdm.models.openvino import OpenVINO


def accelerated(network: Network, compute: Compute) -> Network:
    """The network with OpenVINO if that was asked for, and with CUDA graphs on a CUDA device, but not over several."""
    if compute.backend:
        return OpenVINO(network)
    return Graphed(network) if compute.device.type == "cuda" and compute.devices == 1 else network
