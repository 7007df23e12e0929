"""A CUDA device that is not there: CPU tensors that say they are on one, and note what the host waits for.

Mixing them with tensors of the host fails as on a card. So what a step does there can be tested without one.
"""

from collections import Counter

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

CUDA = torch.device("cuda", 0)
aten = torch.ops.aten
MOVES = (aten._to_copy.default, aten.copy_.default)
WAITS = (aten._local_scalar_dense.default, aten.nonzero.default, aten.equal.default, aten.masked_select.default)


class OnCard(torch.Tensor):
    """A tensor of the pretended device, whose numbers are in `held`."""

    @staticmethod
    def __new__(cls, held):
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), dtype=held.dtype, device="meta", requires_grad=False
        )  # torch itself refuses to look at a device that it was not built for
        made.held = held
        return made

    @property
    def device(self):
        return CUDA

    def __repr__(self):
        return f"OnCard({self.held})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError(f"{func} outside of a Card")


class Card(TorchDispatchMode):
    """While it is entered, `cuda` is there; `waits` counts what the host waited for, by operation."""

    def __init__(self):
        super().__init__()
        self.waits = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        flat = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, torch.Tensor)]
        there = [each for each in flat if isinstance(each, OnCard)]
        asked = kwargs.get("device")
        target = torch.device(asked).type if asked is not None else None
        target = "cuda" if target == "meta" else target  # what torch takes the tensors for
        if target == "cuda":
            kwargs["device"] = torch.device("cpu")
        copies = func is aten.copy_.default
        blocking = not kwargs.get("non_blocking", False) and not (copies and len(args) > 2 and args[2])
        crosses = func in MOVES and (
            (there and target == "cpu")
            or (target == "cuda" and not there)
            or (func is aten.copy_.default and len(there) == 1)
        )
        if there and func not in MOVES:
            mixed = [each for each in flat if not isinstance(each, OnCard) and each.ndim]
            if mixed:
                raise RuntimeError(f"{func} mixes tensors of the host and of the card")
            asks = func is aten.index.Tensor and any(each is not None and each.dtype == torch.bool for each in args[1])
            asks |= func is aten.index_put_.default and any(
                each is not None and each.dtype == torch.bool for each in args[1]
            )
            if asks or func in WAITS:
                self.waits[str(func)] += 1
        if crosses and (blocking or target == "cpu"):
            self.waits[str(func)] += 1
        plain = lambda each: each.held if isinstance(each, OnCard) else each  # noqa: E731
        result = func(*tree_map(plain, args), **tree_map(plain, kwargs))
        if func is aten._local_scalar_dense.default or func is aten.equal.default:
            return result
        if func is aten.copy_.default or (func._schema.name.endswith("_") and isinstance(args[0], OnCard)):
            return args[0]
        stays = target == "cuda" or (bool(there) and target != "cpu")
        wrap = lambda each: OnCard(each) if stays and isinstance(each, torch.Tensor) else each  # noqa: E731
        return tree_map(wrap, result)


def moved(network):
    """The network with its weights on the pretended card."""
    for module in network.modules():
        for kept in (module._parameters, module._buffers):
            for name, each in kept.items():
                if each is not None:
                    kept[name] = OnCard(each.detach())
    return network
