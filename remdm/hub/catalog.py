"""The public checkpoints on offer and what they are; any other can be named by hub id or folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from remdm.hub.store import Source, size

GPT2 = Source("openai-community/gpt2", ("tokenizer.json",))
LLAMAGEN = Source("FoundationVision/LlamaGen", ("vq_ds16_c2i.pt",))
TAMING = "pretrained_maskgit/VQGAN/last.ckpt"


@dataclass(frozen=True)
class Entry:
    """A public model.

    Attributes:
        name: as in flags, links and traces.
        title: as in lists.
        about: one or two plain sentences.
        kind: "text" or "image".
        family: its loader's name in `loading.FAMILIES`; "" where the files decide.
        sources: where its files come from, the weights first.
        weights: number of weights, 0 where it is unknown before loading.
        download: bytes, 0 where unknown.
        licence: of the weights.
        length: positions by default.
        lengths: the shortest and the longest, None where the length is fixed.
        defaults: settings that suit it, by their names in `methods.settings` and in the domain's `ask`.
        asks: whether its prompt is a question.
    """

    name: str
    title: str
    about: str
    kind: str
    family: str
    sources: tuple[Source, ...]
    weights: int = 0
    download: int = 0
    licence: str = "see its page"
    length: int = 64
    lengths: tuple[int, int] | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    asks: bool = False

    @property
    def repo(self) -> str:
        """The hub id of its weights."""
        return self.sources[0].repo

    @property
    def summary(self) -> str:
        """What it is, its size and its licence, as on the page."""
        facts = [f"{size(self.download)} to download once" if self.download else "", f"licence: {self.licence}"]
        return f"{self.about} ({'; '.join(fact for fact in facts if fact)}.)"


def _filler(name: str, title: str, repo: str, weights: int, download: int, licence: str) -> Entry:
    """A masked language model trained to fill blanks."""
    about = "It was trained to fill a few blanks of a given text: it does that well, and writes freely badly."
    return Entry(
        name, title, about, "text", "masked-lm", (Source(repo),), weights, download, licence, 32, (8, 256),
        {"sampler": "remdm-conf-mean", "steps": 64, "nucleus_p": 0.9},
    )  # fmt: skip


def _llada(name: str, title: str, repo: str, about: str, asks: bool) -> Entry:
    """A LLaDA; its length is that of the answer, 128 as in its own chat, with two evaluations a token as in ReMDM's."""
    return Entry(
        name, title, f"{about} 8 billion weights: it needs a GPU with 20 GB.", "text", "llada", (Source(repo),),
        8_015_581_184, 16_031_000_000, "MIT", 128, (16, 1024),
        {"sampler": "remdm-llada", "steps": 256, "nucleus_p": 1.0, "temperature": 1.0}, asks,
    )  # fmt: skip


def _halton(scale: int, size: str, weights: int, w: float) -> Entry:
    """A Halton-MaskGIT; `w` is the guidance weight its authors report with: gamma = 1 + w here."""
    side = scale // 16
    return Entry(
        f"halton-{scale}-{size}", f"ImageNet {scale} px, Halton-MaskGIT {size}",
        f"Pictures of 1,000 kinds of things, {scale} x {scale} pixels from {side} x {side} codes.",
        "image", "halton",
        (Source("llvictorll/Halton-MaskGIT", (f"ImageNet_{scale}_{size}.pth",)), LLAMAGEN),
        weights, 0, "MIT", side * side, None,
        {"sampler": "remdm-rescale", "steps": 32, "eta": 0.05, "temperature": 0.8, "nucleus_p": 1.0,
         "guidance_scale": 1.0 + w},
    )  # fmt: skip


def _maskgit(pixels: int, weights: int, download: int, w: float) -> Entry:
    """A Maskgit-pytorch; its authors raise the guidance weight from 0 to w over the run."""
    side = pixels // 16
    files = (f"pretrained_maskgit/MaskGIT/MaskGIT_ImageNet_{pixels}.pth", TAMING)
    return Entry(
        f"maskgit-{pixels}", f"ImageNet {pixels} px, MaskGIT in PyTorch",
        f"Pictures of 1,000 kinds of things, {pixels} x {pixels} pixels from {side} x {side} codes of the taming "
        "VQGAN.", "image", "maskgit", (Source("llvictorll/Maskgit-pytorch", files),), weights, download, "MIT",
        side * side, None,
        {"sampler": "remdm-rescale", "steps": 32, "eta": 0.05, "temperature": 0.8, "nucleus_p": 1.0,
         "guidance_scale": 1.0 + w, "guidance_schedule": "rising"},
    )  # fmt: skip


ENTRIES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "mdlm-owt", "MDLM on OpenWebText (the paper's)",
            "The paper's own model: 170M weights, web text, 1,024 tokens at a time. On a CPU a step takes seconds.",
            "text", "mdlm",
            (Source("kuleshov-group/mdlm-owt", ("config.json", "model.safetensors")), GPT2),
            169_627_218, 679_900_000, "Apache-2.0", 1024, (64, 1024),
            {"sampler": "remdm-cap", "steps": 128, "nucleus_p": 0.9},
        ),
        _llada("llada-8b-instruct", "LLaDA 8B Instruct", "GSAI-ML/LLaDA-8B-Instruct",
               "Answers a question that you type.", True),
        _llada("llada-1.5", "LLaDA 1.5", "GSAI-ML/LLaDA-1.5",
               "Answers a question that you type, trained further on preferences (arXiv 2505.19223).", True),
        _llada("llada-8b-base", "LLaDA 8B Base", "GSAI-ML/LLaDA-8B-Base",
               "Continues any text.", False),
        _filler("bert-base", "BERT base", "google-bert/bert-base-uncased", 109_514_298, 441_200_000, "Apache-2.0"),
        _filler("roberta-base", "RoBERTa base", "FacebookAI/roberta-base", 124_697_433, 501_200_000, "MIT"),
        _filler("modernbert-base", "ModernBERT base", "answerdotai/ModernBERT-base", 149_655_232, 601_000_000,
                "Apache-2.0"),
        _halton(256, "tiny", 23_000_000, 1.5),
        _halton(256, "small", 69_000_000, 1.0),
        _halton(256, "base", 142_000_000, 0.7),
        _halton(384, "small", 69_000_000, 1.0),
        _halton(384, "base", 142_000_000, 0.7),
        _halton(384, "large", 480_000_000, 0.5),
        _maskgit(256, 174_161_000, 3_048_000_000, 3.0),
        _maskgit(512, 176_307_000, 0, 2.8),
    )
}  # fmt: skip
"""By name, in the order of the page's lists."""

REFUSED = {
    "kuleshov-group/udlm-qm9": "uniform",
    "kuleshov-group/udlm-lm1b": "uniform",
}
"""Public models of the same authors that these samplers cannot run, with the kind of their noise."""


def offered(kind: str) -> tuple[Entry, ...]:
    """The entries of a kind, "text" or "image"."""
    return tuple(entry for entry in ENTRIES.values() if entry.kind == kind)
