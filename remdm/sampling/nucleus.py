"""The nucleus: the likeliest tokens up to a mass, found without sorting the vocabulary where few hold it."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from remdm.sampling.transfer import at_once

TOPK_STAGES = (64, 512, 2048)
"""How many of the likeliest tokens are looked at first, in search of the nucleus's end."""
SLACK = 1e-6
"""Of float32: [.5 .4 .1] at 0.9 keeps two tokens, whichever way their sum was rounded."""
AT_ONCE = 1 << 21
"""Entries of a 64-bit `[n, V]` that may exist at a time, 16 MiB; on a card `ON_A_CARD` times as many."""


@dataclass(frozen=True)
class _Nuclei:
    """The nuclei of some rows: which rows `[r]`, their likeliest ids `[r, k]`, log-probabilities float64 `[r, k]`."""

    rows: Tensor
    ids: Tensor
    log_p: Tensor


def _likeliest(log_x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` likeliest tokens of each row, as a stable sort has them: values and ids, `[n, count]` each."""
    if count >= log_x.shape[1]:
        return log_x.sort(dim=-1, descending=True, stable=True)
    ids = log_x.topk(count, dim=-1, sorted=False).indices.sort(dim=-1).values  # of equal ones the first id comes first
    ordered, places = log_x.gather(1, ids).sort(dim=-1, descending=True, stable=True)
    return ordered, ids.gather(1, places)


def nuclei(log_x: Tensor, nucleus_p: float, keep_crossing: bool) -> Iterator[_Nuclei]:
    """Every row's nucleus, renormalised; rows come in groups, by how far one had to look for its end.

    A sort of the vocabulary is the last resort: where fewer tokens hold a nucleus, they are found without it. They
    are certain to be it if the last one looked at is less likely than all that are kept; with equally likely ones
    at the edge, more have to be seen. A card sorts at once: to know which rows are certain, the host would wait for it.
    """
    size, device = log_x.shape[1], log_x.device
    left = torch.arange(len(log_x), device=device)
    looks = [look for look in TOPK_STAGES if 4 * look <= size and device.type != "cuda"]
    for count in (*looks, size):
        if not len(left):
            return
        unsure = []
        for rows in left.split(max(1, at_once(AT_ONCE, device) // count)):
            ordered, ids = _likeliest(log_x if len(rows) == len(log_x) else log_x[rows], count)
            mass = ordered.double().exp()
            reached = mass.cumsum(dim=-1)
            kept = (reached - mass < nucleus_p) if keep_crossing else (reached <= nucleus_p + SLACK)
            kept[:, 0] = True
            cut = ordered.double().where(kept, -torch.inf)
            if count < size:
                sure = ~(kept & (ordered == ordered[:, -1:])).any(1)
                unsure.append(rows[~sure])
                rows, ids, cut = rows[sure], ids[sure], cut[sure]
            yield _Nuclei(rows, ids, cut.log_softmax(dim=-1))
        left = torch.cat(unsure) if unsure else left[:0]


def nucleus(log_x: Tensor, nucleus_p: float, keep_crossing: bool) -> Tensor:
    """Keep the likeliest tokens up to a mass of nucleus_p and renormalise (before the posterior is built).

    Args:
        log_x: log-probabilities `[n, V]`.
        nucleus_p: mass to keep, in (0, 1].
        keep_crossing: whether the token that crosses nucleus_p stays, as in most libraries. The reference drops it:
            a token stays if the mass up to and including it is at most nucleus_p, or if it is the likeliest.
    """
    if nucleus_p >= 1.0:
        return log_x
    cut = torch.full_like(log_x, -torch.inf)
    for found in nuclei(log_x, nucleus_p, keep_crossing):
        cut[found.rows[:, None], found.ids] = found.log_p.to(log_x.dtype)
    return cut
