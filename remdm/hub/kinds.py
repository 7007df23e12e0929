"""What a folder or a repository holds, found from its config.json and its files' names before any weights are read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remdm.hub.store import nearby
from remdm.models.checkpoints import ARCHITECTURES, OWN, CheckpointError
from remdm.models.weights import read_json

UNIFORM = (
    "{} is trained with uniform noise (UDLM, Duo): its noisy tokens are ordinary tokens, not masks, so there is "
    "nothing to unmask or remask. Choose a masked diffusion model."
)
REFUSED = {
    "udlm": UNIFORM,
    "duo": UNIFORM,
    "bd3lm": "{} is a block diffusion model (BD3-LM): it writes one block after the other from what stands before it, "
    "and these samplers decode everywhere at once. Choose a masked diffusion model.",
    "dream": "{} is a Dream: it was made from a model that writes from left to right, and its logits stand one place "
    "further left, which the loaders here do not know. Choose LLaDA or another masked diffusion model.",
    "sedd": "{} is a SEDD: it gives ratios of probabilities at each noise level, not x_theta. Choose a masked "
    "diffusion model such as kuleshov-group/mdlm-owt.",
}
"""Models of the field that these samplers cannot run, by their kind: `{}` is the name."""
READ = "MDLM, LLaDA, masked language models of transformers (BERT, RoBERTa, ModernBERT and their like) and our own"
"""The formats of language models that are read."""


def family_of(config: Mapping[str, Any], name: str) -> str:
    """The family of a config.json: `mdlm`, `llada`, `masked-lm` or `remdm`.

    Raises:
        CheckpointError: for a model that cannot be sampled, in one sentence that begins with its name.
    """
    kind = str(config.get("model_type", ""))
    if str(config.get("architecture", "")) in ARCHITECTURES:
        return OWN
    if "graph" in config and "noise" in config and not kind:
        kind = "sedd"
    if config.get("diffusion") == "uniform":
        kind = "udlm"
    if kind.lower() in REFUSED:
        raise CheckpointError(REFUSED[kind.lower()].format(name))
    if kind in ("mdlm", "llada"):
        return kind
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES  # takes seconds

    if kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        stated = f"its config.json says “{kind[:40]}”" if kind else "its config.json names no model_type"
        raise CheckpointError(
            f"{name} is not a masked language model that transformers can load: {stated}. Read: {READ}."
        )
    return "masked-lm"


def detect_family(place: Path, name: str) -> str:
    """The family of a folder or file.

    Raises:
        CheckpointError: if it holds no model, or one that cannot be sampled.
    """
    patterns = (("MaskGIT_ImageNet_*.pth", "maskgit"), ("ImageNet_*.pth", "halton"), ("*.ckpt", "mdlm"))
    if place.is_file():
        return next((family for pattern, family in patterns if place.match(pattern)), "mdlm")
    if (place / "config.json").is_file():
        return family_of(config_of(place, name), name)
    for pattern, family in patterns:
        if nearby(place, pattern):
            return family
    raise CheckpointError(
        f"{name} has no config.json, no *.ckpt and no ImageNet_*.pth, so it is not a known kind of model. Read: {READ}."
    )


def config_of(place: Path, name: str) -> dict[str, Any]:
    """The config.json of a folder.

    Raises:
        CheckpointError: if it is not a JSON object.
    """
    try:
        return read_json(place / "config.json")
    except (ValueError, OSError) as error:
        raise CheckpointError(f"The config.json of {name} is not a JSON object: {error}") from error


def lightning_file(place: Path) -> Path:
    """The checkpoint that is read of a folder: `last.ckpt`, or the only one.

    Raises:
        CheckpointError: where there are several, and none is the last.
    """
    files = sorted(place.glob("*.ckpt"))
    last = [file for file in files if file.name == "last.ckpt"] or files
    if len(last) > 1:
        names = ", ".join(file.name for file in last[:6])
        raise CheckpointError(f"{place.name} holds {len(last)} checkpoints ({names}); name the one that is meant.")
    return last[0] if last else place


def note(place: Path, family: str) -> str:
    """Which of several candidates is read, as a sentence; empty where there is one."""
    several = family == "mdlm" and place.is_dir() and len(list(place.glob("*.ckpt"))) > 1
    if not several or (place / "config.json").is_file():
        return ""
    return f" Of its checkpoints, {lightning_file(place).name} is read."
