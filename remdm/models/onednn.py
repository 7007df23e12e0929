"""oneDNN operators for a bfloat16 network on a CPU that torch does not use by itself; the same numbers.

Only `torch.compile` reaches these operators by public names, and that needs a compiler and minutes.
"""

from functools import cache

import torch
from torch import Tensor
from torch.backends import mkldnn
from torch.nn import functional as F
from torch.utils.weak import WeakTensorKeyDictionary

_LAID_OUT = WeakTensorKeyDictionary()
"""Weight -> its version and address, and the copy of it that oneDNN reads. Gone with the weight."""


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, gelu: str = "") -> Tensor:
    """x W^T + b, `[..., in]` to `[..., out]`, and GELU of it where its form (`none` or `tanh`) is given.

    Without gradients, in bfloat16 on a CPU, the weight is laid out as the product reads it once for all calls (else at
    each, 5% of a forward at 1,024 positions), and GELU is applied as the product is written: by itself it takes a
    quarter of the product's time. A second copy of the weights is what it costs.
    """
    if torch.is_grad_enabled() or x.dtype != torch.bfloat16 or x.device.type != "cpu" or not _supported():
        made = F.linear(x, weight, bias)
        return F.gelu(made, approximate=gelu) if gelu else made
    attr = "gelu" if gelu else "none"
    return torch.ops.mkldnn._linear_pointwise(x, _laid_out(weight, x.shape[-2]), bias, attr, [], gelu)


@cache
def _supported() -> bool:
    """Whether oneDNN has products in bfloat16 for this CPU: without AVX-512 it refuses them."""
    return mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _laid_out(weight: Tensor, rows: int) -> Tensor:
    now = (0 if weight.is_inference() else weight._version, weight.data_ptr())
    known = _LAID_OUT.get(weight)
    if known is None or known[0] != now:
        known = _LAID_OUT[weight] = (now, torch.ops.mkldnn._reorder_linear_weight(weight.detach(), rows))
    return known[1]
