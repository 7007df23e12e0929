"""Samples for `evaluate`, drawn on a device and scored elsewhere: what scores them may not be where the card is.

A cell is a list of `evaluate`'s arguments, such as `["text", "--samplers", "remdm-cap", "--steps", "64"]`. Its samples
are the files that `evaluate` keeps; one archive holds them all, so that `remdm gpu --import` puts them where the same
`evaluate` command then finds and scores them.
"""

import argparse
import json
import os
import time
import zipfile
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from remdm.domains import registry
from remdm.evaluation.sweeps import sweep
from remdm.evaluation.sweeps.samples import Stopped, fill
from remdm.studies.gpu.report import Report

ARCHIVE = "samples.zip"
LARGEST = 15 << 20
"""Bytes of the archive; a cell that would make it larger is left out."""


def cells(path: Path | None) -> list[list[str]]:
    """The cells of a file, none without one.

    Raises:
        ValueError: for a file that holds something else.
    """
    if path is None:
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    words = found if isinstance(found, list) else [None]
    if not all(isinstance(each, list) and each and each[0] in registry.NAMES for each in words):
        raise ValueError(f"{path.name} must hold a JSON list of lists of `evaluate`'s arguments, a domain's name first")
    return found


def run(args: argparse.Namespace, report: Report, until: float) -> None:
    """Each cell in turn, as long as there is time; what is drawn is in the archive at once, and is gone on with.

    Raises:
        ValueError: for an invalid list of cells.
    """
    archive = args.out / ARCHIVE
    with TemporaryDirectory() as name:
        folder = Path(name)
        if archive.is_file():
            unpack(archive, folder)
        for words in cells(args.cells):
            title, begun, count = " ".join(words), time.monotonic(), 0
            if begun > until:
                report.failed(title, "not drawn: no time is left")
                continue
            try:
                count = _drawn(words, folder, args.device, until)
            except Stopped:
                report.failed(title, "not finished: no time is left; what was drawn is kept")
            except (Exception, SystemExit) as error:  # argparse exits; one cell's fault is not another's
                report.failed(title, f"{type(error).__name__}: {str(error).partition(chr(10))[0][:300]}")
            pack(folder, archive)
            if count:
                took = time.monotonic() - begun
                report.add("samples", title, samples=count, seconds=took, samples_per_second=count / took)


def _drawn(words: list[str], folder: Path, device: str, until: float) -> int:
    """Draw a cell's samples into a folder; how many there are."""
    kind = registry.measurements()[words[0]]
    parser = argparse.ArgumentParser()
    sweep.add_arguments(parser, kind)
    own = parser.parse_args([*words[1:], "--out", str(folder), "--device", device])

    def tick(size: int) -> None:
        if time.monotonic() > until:
            raise Stopped

    count = 0
    for job in sweep.Sweep(own, kind, kind.open(own)).jobs():
        for part in job.parts:
            count += len(fill(part.draw, part.count, part.path, batch=own.batch, tick=tick))
    return count


def pack(folder: Path, archive: Path) -> None:
    """All sample files of a folder in one archive, the oldest first, as many as fit."""
    part, size = archive.with_suffix(".part"), 0
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as packed:  # the files are packed themselves
        for file in sorted(folder.rglob("*.npz"), key=lambda each: each.stat().st_mtime):
            size += file.stat().st_size
            if size > LARGEST:
                print(f"{file.name} and what follows are left out: the archive would be too large", flush=True)
                break
            packed.write(file, file.relative_to(folder).as_posix())
    os.replace(part, archive)


def unpack(archive: Path, out: Path) -> int:
    """Put the sample files of an archive into a results folder, where none of that name is yet; how many there were.

    Raises:
        ValueError: for an archive that holds anything else.
    """
    with zipfile.ZipFile(archive) as packed:
        names = [PurePosixPath(name) for name in packed.namelist()]
        for name in names:
            if name.parts[:1] != ("samples",) or ".." in name.parts or name.suffix != ".npz":
                raise ValueError(f"{archive.name} holds {name}, which is not a file of samples")
        for name in names:
            target = out.joinpath(*name.parts)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(packed.read(name.as_posix()))
    return len(names)
