"""The files of a public model: in a local folder, in the hub's cache, or to be downloaded from the hub.

Nothing that comes from there is executed: files are tensors and JSON, and are read as such.
"""

import errno
import math
import os
import queue
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import tqdm as HubBar

from remdm import limits
from remdm.models.checkpoints import CheckpointError

LOCAL = "REMDM_CHECKPOINTS"
"""The environment variable that names a folder of checkpoints to use instead of the hub."""
ENDPOINT = constants.ENDPOINT
"""The hub's address; set HF_ENDPOINT for another one."""
TIMEOUT = 10
"""Seconds to wait for the hub's answer."""
THREAD = "remdm-download"
PAUSE = 0.25
"""Seconds between two reports of a download."""


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


@dataclass(frozen=True)
class Fetched:
    """How far a download is: bytes done and in total, and the same as a sentence."""

    done: int
    total: int
    sentence: str


TEXT_FILES = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "vocab.txt", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model",
    "model.safetensors.index.json", "chat_template.jinja",
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


def sentence(error: Exception, repo: str) -> str:
    """What went wrong with the hub and what to do about it, in one sentence or two."""
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
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC):
        folder = constants.HF_HUB_CACHE
        return f"{repo} cannot be kept in {folder} ({error.strerror}): set HF_HOME to a folder that you can write to."
    if isinstance(error, OfflineModeIsEnabled):
        return f"{repo} is not on this machine, and HF_HUB_OFFLINE forbids downloading it. {_instead(repo)}"
    return f"The model hub cannot be reached, so {repo} cannot be downloaded ({type(error).__name__}). {_instead(repo)}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _instead(repo: str) -> str:
    return f"Put its files into a folder {repo.split('/')[-1]} where {LOCAL} points, or use an embedded model."


class Stopped(Exception):
    """The download was cancelled."""


def fetch(
    source: Source, allow: Callable[[int], None], examine: Callable[[Path], object] | None = None
) -> Iterator[Fetched]:
    """Download what is missing; iterate it to its end. Closing it cancels the download.

    Args:
        source: the files.
        allow: called with the size of the whole download in bytes before it begins; raises to refuse it.
        examine: called with the folder of the config.json, which comes first; raises to refuse the rest.

    Raises:
        CheckpointError: in one sentence, where the hub, the repository or the disk cannot serve it.
    """
    if found(source) is not None:
        return
    try:
        info = HfApi(endpoint=ENDPOINT).repo_info(**source.place, files_metadata=True, timeout=TIMEOUT)
    except Exception as error:  # the client's own errors have no common base
        raise CheckpointError(sentence(error, source.repo)) from error
    sizes = {each.rfilename: each.size or 0 for each in getattr(info, "siblings", None) or ()}
    names = needed_files(source, list(sizes))
    total = sum(sizes[name] for name in names)
    allow(total)
    _check_disk(source.repo, total)
    if examine is not None:
        if "config.json" not in names:
            raise CheckpointError(f"{source.repo} has no config.json, so nobody can tell what it holds.")
        folder = fetch_config(source)
        if folder is not None:
            examine(folder)
    yield from _Download(source, {name: sizes[name] for name in names}).reports()


def fetch_config(source: Source) -> Path | None:
    """The folder with a repository's config.json, from the hub where it is not here; None if it cannot be had."""
    try:
        return Path(
            hf_hub_download(**source.place, filename="config.json", endpoint=ENDPOINT, etag_timeout=TIMEOUT)
        ).parent
    except Exception:  # the download says why, in a sentence
        return None


def _check_disk(repo: str, total: int) -> None:
    cache = Path(constants.HF_HUB_CACHE)
    place = next(path for path in (cache, *cache.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if total > free:
        raise CheckpointError(f"{repo} takes {size(total)}, but the disk of the hub's cache has {size(free)} left.")
    budget = limits.current().downloads
    if math.isfinite(budget) and total > (left := budget - _taken(cache)):
        raise CheckpointError(
            f"{repo} takes {size(total)}, but this server has {size(max(0, left))} left for downloads; choose a "
            "smaller model or one that is there already."
        )


def _taken(cache: Path) -> int:
    """Bytes of all that was downloaded, half-finished files too."""
    return sum(path.lstat().st_size for path in cache.rglob("*") if path.is_file() and not path.is_symlink())


class _Download:
    """One download in a thread of its own, which an exception in its progress bar stops."""

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
                hf_hub_download(**self.source.place, filename=name, endpoint=ENDPOINT, tqdm_class=_bar(self))
                self.before, self.current = self.before + length, 0
        except Exception as error:
            self.ended.put(error)
        else:
            self.ended.put(None)


def _bar(download: _Download) -> type:
    """A progress bar that shows nothing but keeps count for the download."""

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
    """A number of bytes as printed: 1.2 GB, 34 MB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 0.1):.3g} MB"
