"""What a folder is, what it lacks and needs; and an embedded model written as a repository of the hub."""

import json
import shutil
from pathlib import Path

from remdm.hub import memory
from remdm.hub.kinds import config_of, detect_family
from remdm.hub.loading import FAMILIES, companions, find, load
from remdm.hub.store import local, size
from remdm.models.checkpoints import FILES, OWN, ROOT, CheckpointError, is_embedded, total_parameters
from remdm.models.network import Compute

NAMES = {
    "mdlm": "MDLM, a masked diffusion model of text",
    "llada": "LLaDA, a masked diffusion model of text",
    "masked-lm": "a masked language model of transformers",
    "halton": "Halton-MaskGIT, a model of ImageNet's classes",
    "maskgit": "MaskGIT in PyTorch, a model of ImageNet's classes",
    OWN: "a model of this project",
}
LICENCES = {"emoji": "cc-by-4.0", "qm9": "cc0-1.0"}
"""Of what a model was trained with, where it decides; all others are under the project's own licence."""


def check(name: str, compute: Compute) -> list[str]:
    """What a folder or file is, as lines.

    Raises:
        CheckpointError: if there is none, or it is not a model that can be sampled.
    """
    place = local(name)
    if place is None:
        raise CheckpointError(f"There is no folder {name[:120]}, and no file of weights of that name.")
    family = detect_family(place, name)
    lines = [f"{name}: {NAMES[family]}."]
    if place.is_dir() and (place / "config.json").is_file() and family != OWN:
        lines.append(f"config.json: model_type {config_of(place, name).get('model_type')}.")
    missing = [file for file in FILES if not (place / file).is_file()] if family == OWN else []
    missing += [f"{file} of {source.repo}" for source in companions(find(name)) for file in source.files]
    lines.append(f"Missing: {', '.join(missing)}." if missing else "Missing: nothing.")
    weights = memory.count(place)
    lines.append(
        f"Needs: about {size(weights * compute.dtype.itemsize * memory.OVERHEAD)} of memory on {compute.device.type} "
        f"for at most {weights:,} weights."
    )
    try:
        loaded = load(name, compute)
    except CheckpointError as error:
        return [*lines, f"It cannot be used here: {error}"]
    count = total_parameters(loaded.denoiser.network)
    return [*lines, f"It loads: {count:,} weights, up to {loaded.length:,} positions, {FAMILIES[family].kind}."]


def export(name: str, folder: Path) -> list[Path]:
    """Write an embedded model as a repository of the hub: card, config, weights, tokenizer, and what else it needs.

    Raises:
        ValueError: for a name that is not an embedded model's, or a folder that holds something.
    """
    if not is_embedded(name):
        known = ", ".join(sorted(path.parent.name for path in ROOT.glob("*/model.safetensors")))
        raise ValueError(f"{name[:80]} is not an embedded model; there are {known}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is there already and not empty; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(ROOT.joinpath(name).iterdir()):
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = {"model_type": OWN, "model": name, **config}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else f"# {name}\n"
    card.write_text(_front(name) + text, encoding="utf-8")
    return sorted(folder.iterdir())


def _front(name: str) -> str:
    """The front matter of a card, as the hub reads it."""
    facts = {"license": LICENCES.get(name, "apache-2.0"), "library_name": "remdm-studio"}
    tags = "".join(f"  - {tag}\n" for tag in ("masked-diffusion", "mdlm", "remdm", name))
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in facts.items()) + f"tags:\n{tags}---\n\n"
