"""A small classifier of pictures: its predictions measure class accuracy, its features a Fréchet distance."""

from functools import cache
from math import isqrt
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F


class Classifier(nn.Module):
    """Pictures `[B, 3, S, S]` in [-1, 1] to logits over categories; `side` S is a multiple of 32."""

    mean: Tensor
    covariance: Tensor
    FEATURES = 48  # few, so that a few hundred pictures determine their covariance

    def __init__(self, categories: int, width: int = 24, side: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.PixelUnshuffle(side // 32), nn.Conv2d(3 * (side // 32) ** 2, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(4 * width, 4 * width, 4, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(4 * width * 16, self.FEATURES),
        )  # fmt: skip
        self.answer = nn.Linear(self.FEATURES, categories)
        # of features of training pictures, which samples are compared with
        self.register_buffer("mean", torch.zeros(self.FEATURES))
        self.register_buffer("covariance", torch.eye(self.FEATURES))

    def features(self, pictures: Tensor) -> Tensor:
        return self.body(pictures).float()

    def forward(self, pictures: Tensor) -> Tensor:
        return self.answer(F.relu(self.features(pictures)))


@cache
def load_classifier(file: Path) -> Classifier:
    """The classifier of a weights file, loaded once; its shape is read from the weights."""
    weights = {name: weight.float() for name, weight in load_file(file).items()}
    width, seen = weights["body.1.weight"].shape[:2]
    network = Classifier(len(weights["answer.weight"]), width, 32 * isqrt(seen // 3))
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False)
