"""Tiny files in the published formats, with random weights: what `--stand-in` reads in place of the hub."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from remdm.hub.catalog import ENTRIES
from remdm.hub.store import Source
from remdm.studies.reproduce import public_files
from remdm.studies.reproduce.experiment import Experiment
from remdm.studies.reproduce.imagenet import ImageNet, Seen
from remdm.studies.reproduce.llada import LM_EVAL, QUESTIONS, Asked, TruthfulQA
from remdm.studies.reproduce.openwebtext import HELD_OUT, MAUVE, OpenWebText

TINY = (
    "The models are tiny random ones in the published formats: the figures mean nothing, the way to them is the same."
)
LENGTH = 64


def write(folder: Path, experiment: Experiment) -> None:
    """The files that an experiment needs; those that are there are left as they are."""
    done = folder / "complete"
    if done.is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for kind, files in FILES.items():
        if isinstance(experiment, kind):
            files(folder)
    done.touch()


def _text(folder: Path) -> None:
    """MDLM with its tokenizer, gpt2-large, and a part of OpenWebText."""
    public_files.mdlm_folder(folder / "mdlm-owt", length=LENGTH)
    public_files.gpt2_folder(folder / "gpt2-large")
    if not MAUVE.missing:
        text = "It was a fine day, and nobody had said so yet. " * 4
        _parquet(folder, HELD_OUT.source, pd.DataFrame({"text": [text[place:] for place in range(60)]}))


def _pictures(folder: Path) -> None:
    """MaskGIT in PyTorch with the taming decoder."""
    public_files.maskgit_file(folder / "pretrained_maskgit" / "MaskGIT" / "MaskGIT_ImageNet_256.pth")
    public_files.vq_file(folder / "pretrained_maskgit" / "VQGAN" / "last.ckpt", taming=True)


def _llada(folder: Path) -> None:
    """LLaDA in shards."""
    public_files.llada_folder(folder / "LLaDA-8B-Instruct", max_sequence_length=2048)


def _questions(folder: Path) -> None:
    """Three questions of TruthfulQA's form."""
    if LM_EVAL.missing:
        return
    rows = [
        {"question": f"Is {name} a fish?", "correct_answers": [f"No, {name} is not a fish"],
         "incorrect_answers": [f"Yes, {name} is a fish", f"{name} is a fish on Mondays"], "best_answer": "No",
         "type": "Adversarial", "category": "Fish", "source": ""}
        for name in ("a whale", "a shark", "a spoon")
    ]  # fmt: skip
    _parquet(folder, QUESTIONS.source, pd.DataFrame(rows))


def _parquet(folder: Path, source: Source | None, table: pd.DataFrame) -> None:
    assert source is not None
    path = folder / source.repo.split("/")[-1] / source.files[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(path)


class CoarsePictures(ImageNet):
    """The same without Inception: what is looked at are the colours of 4 x 4 fields."""

    figures = {name: replace(figure, package=None) for name, figure in ImageNet.figures.items()}
    needs = ()

    def look(self, device: str) -> Seen:
        """Colours as features, and some of them as logits."""

        def colours(pictures: Tensor) -> tuple[Tensor, Tensor]:
            fields = F.adaptive_avg_pool2d(pictures.float() / 255, 4).flatten(1)
            return fields, 8 * fields[:, :10]

        return colours

    def reference(self) -> tuple[Tensor, Tensor]:
        """Grey pictures, more or less."""
        return torch.full((48,), 0.5, dtype=torch.float64), 0.05 * torch.eye(48, dtype=torch.float64)


def of(experiment: Experiment) -> Experiment:
    """The experiment as a stand-in run has it."""
    return CoarsePictures() if isinstance(experiment, ImageNet) else experiment


def about(experiment: Experiment) -> str:
    """What a stand-in's figures are."""
    shorter = experiment.shrunk[0]
    steps = f"A run with few samples{f', T divided by {shorter}' if shorter > 1 else ''}."
    return f"{steps} {TINY}" if experiment.model in ENTRIES else steps


FILES = {OpenWebText: _text, ImageNet: _pictures, Asked: _llada, TruthfulQA: _questions}
"""By the kind of experiment."""
