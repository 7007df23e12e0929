"""Which means compute a network, by where it is to run."""

from remdm.models.graphs import Graphed
from remdm.models.network import Compute, Network
from remdm.models.openvino import OpenVINO
from remdm.models.traced import Traced


def accelerated(network: Network, compute: Compute) -> Network:
    """The network by the quickest means that give it the same bits, or with OpenVINO if that was asked for.

    That is a recording where one helps: a CUDA graph on one CUDA device, on a CPU one without Python.
    """
    if compute.backend:
        return OpenVINO(network)
    if compute.device.type == "cuda":
        return Graphed(network) if compute.devices == 1 else network
    return Traced(network) if compute.device.type == "cpu" and network.traceable else network
