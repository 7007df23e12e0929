"""Frechet distance between two sets of pictures in some features, and the score of a classifier's answers.

The formulas are those of FID and of the inception score (arXiv 1706.08500, 1606.03498). With the features of our own
small classifier the figures compare samplers of one model; they cannot be compared with anyone's FID.
"""

import torch
from torch import Tensor


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean `[D]` and unbiased covariance `[D, D]` of features `[n, D]`, in double precision.

    Raises:
        ValueError: for fewer than two rows.
    """
    if len(features) < 2:
        raise ValueError(f"at least two pictures are needed for a covariance, got {len(features)}")
    rows = features.double()
    return rows.mean(dim=0), torch.cov(rows.T)


def frechet(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), of means `[D]` and covariances `[D, D]`; 0 for equal ones."""
    (mean1, cov1), (mean2, cov2) = one, other
    values, vectors = torch.linalg.eigh(cov1)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    crossed = torch.linalg.eigvalsh(root @ cov2 @ root).clamp(min=0).sqrt().sum()
    return max(0.0, ((mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * crossed).item())


def classifier_score(probabilities: Tensor) -> float:
    """exp of the mean KL between answers `[n, K]` and their mean: from 1 (all alike) to K (sure, and all kinds)."""
    each = probabilities.double().clamp(min=1e-12)
    overall = each.mean(dim=0)
    return (each * (each.log() - overall.log())).sum(dim=1).mean().exp().item()
