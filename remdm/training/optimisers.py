"""What trains a network: Muon (arXiv 2502.16982) for the matrices inside blocks, AdamW for everything else.

Muon is momentum whose update is made orthogonal.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.775, 2.0315)
"""Of the polynomial a x + b x^3 + c x^5 that takes singular values to about 1."""
TIMES = 5


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest matrices with all singular values near 1 (0.7 to 1.2), bfloat16 `[n, rows, columns]`."""
    a, b, c = COEFFICIENTS
    x = matrices.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(TIMES):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Matrices of one shape are made orthogonal together: a few large products in place of hundreds of small ones.

    The rate is that of `torch.optim.Muon` with its own adjustment to a matrix's shape; there is no weight decay.
    """

    def __init__(self, matrices: Iterable[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        shapes: dict[torch.Size, list[nn.Parameter]] = {}
        for matrix in matrices:
            shapes.setdefault(matrix.shape, []).append(matrix)
        super().__init__([{"params": group} for group in shapes.values()], {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            matrices, momentum = group["params"], group["momentum"]
            grad = torch.stack([each.grad for each in matrices])
            state = self.state[matrices[0]]
            if not state:
                state["running"] = torch.zeros_like(grad)
            state["running"].lerp_(grad, 1 - momentum)
            update = orthogonal(grad.lerp(state["running"], momentum)).to(grad.dtype)
            rows, columns = matrices[0].shape
            torch._foreach_add_(matrices, list(update.unbind()), alpha=-group["lr"] * max(1.0, rows / columns) ** 0.5)


def optimisers(
    network: nn.Module, matrix_rate: float, other_rate: float, fused: bool = False
) -> list[torch.optim.Optimizer]:
    """Muon at `matrix_rate`, AdamW at `other_rate`; `fused` for a GPU.

    An `Encoder` has no matrices for Muon, as it calls its parts layers: what comes from AdamW goes on with AdamW.
    """
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, weight in network.named_parameters():
        hidden = weight.ndim == 2 and "blocks." in name and "mix." not in name and "gate." not in name
        (matrices if hidden else others).append(weight)
    adam = torch.optim.AdamW(others, lr=other_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=fused)
    return [Muon(matrices, lr=matrix_rate), adam] if matrices else [adam]
