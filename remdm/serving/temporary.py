"""Temporary files in a folder that is this process's alone: nobody else's rights or links stand in its way.

It goes with the process. What cannot be written there costs a file, never the run that the file is of.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

KEPT_SECONDS = 3600
"""Of a file that is offered: the page copies it at once."""
ELSEWHERE = "/dev/shm"
"""Where the usual folders for temporary files are full or cannot be written."""


@cache
def _folder() -> TemporaryDirectory:
    try:
        return TemporaryDirectory(prefix="remdm-", ignore_cleanup_errors=True)
    except OSError:
        return TemporaryDirectory(prefix="remdm-", dir=ELSEWHERE, ignore_cleanup_errors=True)


def remove() -> None:
    """Remove this process's folder."""
    _folder().cleanup()


def own_folder(name: str) -> Path:
    """A part of this process's folder.

    Raises:
        OSError: if there is nowhere to write.
    """
    folder = Path(_folder().name) / name
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def offered(name: str) -> Iterator[Path]:
    """The path of a fresh file of that name, which the block writes; those of an hour ago go.

    Raises:
        ValueError: if it cannot be written.
    """
    try:
        root = own_folder("files")
        for old in root.iterdir():
            with suppress(OSError):  # another thread may be clearing up too
                if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                    shutil.rmtree(old)
        yield Path(mkdtemp(dir=root)) / name
    except OSError as error:
        raise ValueError(f"This server cannot write the file ({error.strerror}); the run itself stays") from error
