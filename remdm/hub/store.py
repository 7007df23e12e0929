"""The files of a public model: in a local folder, in the hub's cache, or to be downloaded from the hub.

Nothing that comes from there is executed: files are tensors and JSON, and are read as such.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

from remdm import limits
from remdm.models.checkpoints import CheckpointError

LOCAL = "REMDM_CHECKPOINTS"
"""The environment variable that names a folder of checkpoints to use instead of the hub."""


@dataclass(frozen=True)
class Source:
    """Files of one repository: `files` by name, or everything that a language model needs where it is empty.

    `kind` is "model" or "dataset", `revision` a branch of the repository other than its main one.
    """

    repo: str
    files: tuple[str, ...] = ()
    kind: str = "model"
    revision: str | None = None

    @property
    def place(self) -> dict[str, Any]:
        """What the hub's client is asked with."""
        return {"repo_id": self.repo, "repo_type": self.kind, "revision": self.revision}


TEXT_FILES = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "vocab.txt", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model",
    "model.safetensors.index.json", "chat_template.jinja", "prism.json",
)  # fmt: skip


def needed_files(source: Source, listed: list[str]) -> list[str]:
    """The files of a source, out of all that its repository lists; weights last, so that they complete a download.

    Raises:
        CheckpointError: if it lacks one, or has no weights.
    """
    if source.files:
        missing = [name for name in source.files if name not in listed]
        if missing:
            raise CheckpointError(f"The hub's {source.repo} has no {' and no '.join(missing)}.")
        return list(source.files)
    weights = [name for name in listed if name.endswith(".safetensors") and "/" not in name]
    weights = weights or [name for name in listed if name == "pytorch_model.bin"]
    if not weights:
        raise CheckpointError(f"{source.repo} has no *.safetensors and no pytorch_model.bin, so it cannot be loaded.")
    return [name for name in listed if name in TEXT_FILES] + weights


_ADDRESS = re.compile(
    r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:models/)?([\w.-]+(?:/[\w.-]+)?)(?:/(?:tree|blob|resolve)/.*)?/?$"
)


def hub_id(name: str) -> str:
    """A name without blanks around it; of a pasted address of the hub, the model's id."""
    address = _ADDRESS.match(name.strip())
    return address[1] if address else name.strip()


def local(name: str) -> Path | None:
    """A file or folder of that path, or of that name (or its last part) below REMDM_CHECKPOINTS or REMDM_MODELS.

    Where only listed models may be named, nothing outside these two folders is looked at: nobody learns what is there.
    """
    anywhere = [Path(name).expanduser()] if limits.current().any_model else []
    try:
        for path in (*anywhere, *_below_roots(name)):
            if path.is_dir() or path.suffix in (".ckpt", ".pth") and path.is_file():
                return path.resolve()
    except (OSError, RuntimeError, ValueError):  # too long, no such user, not readable
        pass
    return None


def _below_roots(name: str) -> Iterator[Path]:
    """Where a name may lie in the configured folders, and never outside them."""
    for root in filter(None, (os.environ.get(LOCAL), os.environ.get(limits.MODELS))):
        top = os.path.abspath(root)
        for part in (name, name.rstrip("/").split("/")[-1]):
            path = os.path.abspath(os.path.join(top, part))
            if path.startswith(top + os.sep):
                yield Path(path)


def found(source: Source) -> Path | None:
    """The folder that holds all files of a source already: a local one or the hub's cache; None if there is none."""
    folder = local(source.repo)
    if folder is not None and not source.files:
        return folder
    for place in (folder, os.environ.get(LOCAL)) if source.files else ():
        if place and all(path_in(Path(place), name).is_file() for name in source.files):
            return Path(place)
    return _cached(source)


def _cached(source: Source) -> Path | None:
    """The source's folder in the hub's cache if all of it is there; asks no network."""
    names = source.files or ("config.json",)
    try:
        folder = Path(snapshot_download(**source.place, allow_patterns=list(names), local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    complete = all((folder / name).is_file() for name in names) and (source.files or _has_weights(folder))
    return folder if complete else None


def _has_weights(folder: Path) -> bool:
    """Whether all weights of a language model are there; they are downloaded last."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = re.findall(rb'"([\w.-]+\.safetensors)"', index.read_bytes())
        return bool(shards) and all((folder / name.decode()).is_file() for name in shards)
    return any(folder.glob("*.safetensors")) or (folder / "pytorch_model.bin").is_file()


def path_in(folder: Path, name: str) -> Path:
    """A file of a source in its folder, which may be flat."""
    return folder / name if (folder / name).is_file() else folder / Path(name).name


def nearby(folder: Path, pattern: str) -> list[Path]:
    """The files that match a pattern in a folder or up to two levels below it: never a walk through a whole disk."""
    return sorted(path for depth in ("", "*/", "*/*/") for path in folder.glob(depth + pattern) if path.is_file())


def size(count: float) -> str:
    """A number of bytes as printed: 1.2 GB, 34 MB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 0.1):.3g} MB"
