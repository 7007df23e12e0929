"""Downloads from the hub: refused before they begin, told while they go, cancelled when asked."""

import errno
import math
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import tqdm as HubBar

from remdm import limits
from remdm.hub.store import LOCAL, Source, found, needed_files, size
from remdm.models.checkpoints import CheckpointError

ENDPOINT = constants.ENDPOINT
"""The hub's address; set HF_ENDPOINT for another one."""
TIMEOUT = 10
"""Seconds to wait for the hub's answer."""
THREAD = "remdm-download"
PAUSE = 0.25
"""Seconds between two reports of a download."""


@dataclass(frozen=True)
class Fetched:
    """How far a download is: bytes done and in total, and the same as a sentence."""

    done: int
    total: int
    sentence: str


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
