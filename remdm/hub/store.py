"""Where the files of a public model lie: in a local folder, in the hub's cache, or still on the hub.

Nothing that comes from there is executed: files are tensors and JSON, and are read as such.
"""

import json
import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import tqdm as HubBar

from remdm.models.checkpoints import CheckpointError

LOCAL = "REMDM_CHECKPOINTS"
"""The environment variable that names a folder of checkpoints, to be used in place of the hub."""
ENDPOINT = constants.ENDPOINT
"""The hub's address; HF_ENDPOINT names another one."""
PATIENCE = 10
"""Seconds to wait for the hub's answer."""
THREAD = "remdm-download"
PAUSE = 0.25
"""Seconds between two reports of a download."""


@dataclass(frozen=True)
class Source:
    """Files of one repository: `files` by name, or all that a language model needs where it is empty."""

    repo: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fetched:
    """How far a download is: bytes, and the same as a sentence."""

    done: int
    total: int
    sentence: str


TEXT_FILES = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "vocab.txt", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model",
    "model.safetensors.index.json",
)  # fmt: skip


def chosen(source: Source, there: list[str]) -> list[str]:
    """The files of a repository that are needed, given all that it has.

    Raises:
        CheckpointError: if it lacks one, or has no weights.
    """
    if source.files:
        lacking = [name for name in source.files if name not in there]
        if lacking:
            raise CheckpointError(f"The hub's {source.repo} has no {' and no '.join(lacking)}.")
        return list(source.files)
    weights = [name for name in there if name.endswith(".safetensors") and "/" not in name]
    weights = weights or [name for name in there if name == "pytorch_model.bin"]
    if not weights:
        raise CheckpointError(f"{source.repo} has no *.safetensors and no pytorch_model.bin, so it cannot be loaded.")
    return [name for name in there if name in TEXT_FILES] + weights


def local(name: str) -> Path | None:
    """A file or folder of that path, or of that name (or its last part) in the folder that REMDM_CHECKPOINTS names."""
    root = os.environ.get(LOCAL, "")
    inside = [Path(root) / name, Path(root) / name.rstrip("/").split("/")[-1]] if root else []
    try:
        for path in (Path(name).expanduser(), *inside):
            if path.is_dir() or path.suffix in (".ckpt", ".pth") and path.is_file():
                return path.resolve()
    except (OSError, RuntimeError, ValueError):  # too long, no such user, not ours to read
        pass
    return None


def found(source: Source) -> Path | None:
    """The folder in which all files of a source lie already: local, or the hub's cache; None if there is none."""
    here = local(source.repo)
    for folder in (here, Path(os.environ[LOCAL]) if os.environ.get(LOCAL) else None):
        if folder and folder.is_dir() and source.files:
            flat = {name: folder / Path(name).name for name in source.files}
            if all((folder / name).is_file() or path.is_file() for name, path in flat.items()):
                return folder
    if here is not None and not source.files:
        return here
    return _cached(source)


def _cached(source: Source) -> Path | None:
    try:
        if source.files:
            paths = [try_to_load_from_cache(source.repo, name) for name in source.files]
            if all(isinstance(path, str) for path in paths):
                return _above(paths[0], source.files[0])
            return None
        path = try_to_load_from_cache(source.repo, "config.json")
    except HFValidationError:
        return None
    folder = _above(path, "config.json") if isinstance(path, str) else None
    return folder if folder and _whole(folder) else None


def _whole(folder: Path) -> bool:
    """Whether all weights of a language model are there; they are the last to come."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return any(folder.glob("*.safetensors")) or (folder / "pytorch_model.bin").is_file()
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError, TypeError):
        return False
    return all((folder / str(name)).is_file() for name in shards)


def _above(path: Any, name: str) -> Path:
    """The snapshot that a cached file lies in; its name may have folders in it."""
    return Path(path).parents[name.count("/")]


def path_in(folder: Path, name: str) -> Path:
    """A file of a source in its folder, which may be flat."""
    return folder / name if (folder / name).is_file() else folder / Path(name).name


def nearby(folder: Path, pattern: str) -> list[Path]:
    """The files that fit a pattern in a folder, or up to two folders further in; never a walk through a whole disk."""
    return sorted(path for depth in ("", "*/", "*/*/") for path in folder.glob(depth + pattern) if path.is_file())


def sentence(error: Exception, repo: str) -> str:
    """What went wrong with the hub, and what to do."""
    if isinstance(error, GatedRepoError):
        return f"{repo} is gated: accept its terms at https://huggingface.co/{repo} and set HF_TOKEN, then try again."
    if isinstance(error, RepositoryNotFoundError):
        return f"The hub has no public model {repo}; check the spelling, or set HF_TOKEN if it is private."
    if isinstance(error, RemoteEntryNotFoundError):
        return f"The hub's {repo} lacks a file that this model needs: {_first_line(error)}"
    if isinstance(error, HFValidationError):
        return f"{repo[:80]} is neither a folder here nor a hub id such as kuleshov-group/mdlm-owt."
    if isinstance(error, HfHubHTTPError):
        return f"The hub refused {repo}: {_first_line(error)}"
    if isinstance(error, OfflineModeIsEnabled):
        return f"{repo} is not on this machine, and HF_HUB_OFFLINE forbids to download it. {_instead(repo)}"
    return f"The model hub cannot be reached, so {repo} cannot be downloaded ({type(error).__name__}). {_instead(repo)}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _instead(repo: str) -> str:
    return f"Put its files into a folder {repo.split('/')[-1]} where {LOCAL} points, or use an embedded model."


class Stopped(Exception):
    """The download was called off."""


def fetch(source: Source, allow: Callable[[int], None]) -> Iterator[Fetched]:
    """Download what is not there yet; iterate it to its end. Closing it calls the download off.

    Args:
        source: the files.
        allow: called with the bytes of the whole download before it begins; raises if it must not begin.

    Raises:
        CheckpointError: with one sentence, where the hub, the repository or the disk will not do.
    """
    if found(source) is not None:
        return
    try:
        about = HfApi(endpoint=ENDPOINT).model_info(source.repo, files_metadata=True, timeout=PATIENCE)
    except Exception as error:  # the client's own errors have no common base
        raise CheckpointError(sentence(error, source.repo)) from error
    sizes = {each.rfilename: each.size or 0 for each in about.siblings or ()}
    names = chosen(source, list(sizes))
    total = sum(sizes[name] for name in names)
    allow(total)
    _check_disk(source.repo, total)
    yield from _Download(source, {name: sizes[name] for name in names}).reports()


def _check_disk(repo: str, total: int) -> None:
    cache = Path(constants.HF_HUB_CACHE)
    place = next(path for path in (cache, *cache.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if total > free:
        raise CheckpointError(f"{repo} takes {size(total)}, but the disk of the hub's cache has {size(free)} left.")


class _Download:
    """One download in a thread of its own, which is told to stop by an exception in its progress bar."""

    def __init__(self, source: Source, sizes: dict[str, int]) -> None:
        self.source, self.sizes = source, sizes
        self.total = sum(sizes.values())
        self.before, self.current, self.name = 0, 0, ""
        self.halt = threading.Event()
        self.ended: queue.Queue[Exception | None] = queue.Queue()

    def reports(self) -> Iterator[Fetched]:
        thread = threading.Thread(target=self._work, name=THREAD, daemon=True)
        thread.start()
        try:
            while True:
                yield self._report()
                try:
                    error = self.ended.get(timeout=PAUSE)
                except queue.Empty:
                    continue
                if error is not None:
                    raise CheckpointError(sentence(error, self.source.repo)) from error
                return
        finally:
            self.halt.set()

    def _report(self) -> Fetched:
        done = min(self.total, self.before + self.current)
        return Fetched(done, self.total, f"Downloading {self.name}: {size(done)} of {size(self.total)}")

    def _work(self) -> None:
        try:
            for name, length in self.sizes.items():
                self.name, self.current = name, 0
                hf_hub_download(self.source.repo, name, endpoint=ENDPOINT, tqdm_class=_bar(self))
                self.before, self.current = self.before + length, 0
        except Exception as error:
            self.ended.put(error)
        else:
            self.ended.put(None)


def _bar(download: _Download) -> type:
    """A progress bar that shows nothing and tells the download how far it is."""

    class Counter(HubBar):
        def __init__(self, *args: Any, **options: Any) -> None:
            self.counts = "downloading bytes" not in str(options.get("desc"))  # one of two bars of the newer protocol
            super().__init__(*args, **{**options, "disable": True})
            download.current = options.get("initial", 0) if self.counts else download.current

        def update(self, n: float | None = 1) -> None:
            if download.halt.is_set():
                raise Stopped
            if self.counts:
                download.current += int(n or 0)

    return Counter


def size(count: float) -> str:
    """Bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 0.1):.3g} MB"
