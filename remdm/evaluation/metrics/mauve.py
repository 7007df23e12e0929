"""MAUVE (arXiv 2102.01454) of samples and texts of the world itself, by `mauve-text` on the judge's features.

The paper takes gpt2-large's features and 5,000 texts. With few texts MAUVE is unsure, so the world's own row says how
far other texts of the world come.
"""

from collections.abc import Callable

import numpy as np

from remdm.evaluation.needed import need

NEEDED = ("mauve", "faiss", "sklearn")
INSTALL = "pip install mauve-text faiss-cpu"
SCALING = 5
"""As in the paper (appendix D.1)."""


def ready() -> None:
    need("MAUVE", INSTALL, *NEEDED)


def mauve(reference: np.ndarray, own: np.ndarray) -> float:
    """Between features `[n, D]` of both, in (0, 1]: 1 where they cannot be told apart."""
    import mauve as package

    found = package.compute_mauve(
        p_features=reference, q_features=own, mauve_scaling_factor=SCALING, seed=25, verbose=False
    )
    return float(found.mauve)


Features = Callable[[list[str]], np.ndarray]


def likeness(features: Features, reference: np.ndarray, printed: list[str]) -> dict[str, object]:
    """MAUVE of printed samples, and how many they were."""
    return {"mauve": mauve(reference, features(printed)), "mauve_samples": len(printed)}
