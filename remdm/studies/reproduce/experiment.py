"""What it takes to repeat a table of the paper: files, packages, draws and figures. An experiment is a `Measurement`.

Nothing is fetched before all that can be checked is checked, and what is fetched once is not fetched again.
"""

import argparse
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from remdm.evaluation.measurement import Bench, Job, Measurement, Objective, Write
from remdm.evaluation.needed import need
from remdm.evaluation.sweeps.results import KEY
from remdm.evaluation.sweeps.samples import Draw, Samples, Tick, load, silent
from remdm.hub.catalog import ENTRIES
from remdm.hub.download import fetch
from remdm.hub.listing import get, shown
from remdm.hub.store import LOCAL, Source, found, path_in, size

ABOUT = ("dtype", "version", "parameters", "length", "samples", "forwards", "seconds", "settings", "machine")
"""Columns of every results file besides what names a cell and the figures."""


@dataclass(frozen=True)
class Package:
    """A package that a figure needs: the names it is imported by, how it is installed, and the figure."""

    modules: tuple[str, ...]
    install: str
    figure: str

    @property
    def missing(self) -> str:
        """One sentence, empty where nothing is missing."""
        try:
            need(self.figure, self.install, *self.modules)
        except ValueError as error:
            return str(error)
        return ""


@dataclass(frozen=True)
class Need:
    """Something to fetch besides the model.

    Attributes:
        what: in a few words. size: bytes.
        source: its files on the hub, if it is there; else `url`.
        package: without which it is of no use.
    """

    what: str
    size: int
    source: Source | None = None
    url: str = ""
    package: Package | None = None

    @property
    def address(self) -> str:
        """Where it is."""
        return self.url or (f"{self.source.repo}: {', '.join(self.source.files)}" if self.source else "")

    def path(self, name: str = "") -> Path | None:
        """The file of that name (the only one by default), None where it is not on this machine."""
        if self.source is not None:
            folder = found(self.source)
            return path_in(folder, name or self.source.files[0]) if folder else None
        local = os.environ.get(LOCAL)
        places = [Path(local)] if local else []
        file = self.url.rpartition("/")[2]
        return next((place / file for place in (*places, downloads()) if (place / file).is_file()), None)

    def file(self, name: str = "") -> Path:
        """The same where it must be there."""
        path = self.path(name)
        assert path is not None
        return path


def downloads() -> Path:
    """Where files go that do not come from the hub."""
    return Path(torch.hub.get_dir()) / "remdm"


class Fitting:
    """A draw whose batches are halved until they fit into the GPU's memory."""

    def __init__(self, draw: Draw, most: int) -> None:
        """`most` sequences are tried first."""
        self.draw, self.most = draw, most

    def __call__(self, first: int, stop: int, tick: Tick = silent) -> Samples:
        """Samples `first` to `stop - 1`, in as many batches as it takes."""
        made: Samples | None = None
        while made is None or first < stop:
            end = min(stop, first + self.most)
            try:
                piece = self.draw(first, end, tick)
            except torch.cuda.OutOfMemoryError:
                if end - first == 1:
                    raise
                self.most = (end - first) // 2
                torch.cuda.empty_cache()
                continue
            made, first = piece.after(made), end
        return made


@dataclass(frozen=True)
class Figure:
    """A published figure as it is measured here: its column, what that is multiplied by, and the package it needs."""

    column: str
    factor: float = 1.0
    package: Package | None = None


@dataclass(frozen=True)
class Work:
    """What one network evaluation and one sample cost: floating-point operations, and the vocabulary of a draw."""

    evaluation: float
    vocabulary: int
    scoring: float = 0.0


class Experiment(Measurement):
    """A measurement that repeats a published one.

    Attributes:
        model: of the catalog, or an embedded one. needs: what else is fetched.
        figures: by their names in `published.py`.
        work: costs, by which the GPU hours are estimated. answer: positions that are written.
        shrunk: of a stand-in run: by what T is divided, and how many samples are drawn.
        note: in which way it cannot be the paper's, in a sentence or two.
    """

    file = "rows.csv"
    columns: Sequence[str]
    missing, own = "", ""
    objective = Objective("")
    steps, samples, at_once, batch = (), 0, 32, 32
    model: str
    needs: Sequence[Need] = ()
    figures: Mapping[str, Figure]
    work: Work
    answer: int
    shrunk: tuple[int, int] = (1, 4)
    note: str = ""
    packages: Sequence[Package] = ()

    def conditions(self, args: argparse.Namespace) -> Mapping[str, Bench]:
        """The model under each condition, by its name in the table's panels; "" where there is but one."""
        raise NotImplementedError

    def finish(self, args: argparse.Namespace, jobs: Sequence[Job], write: Write) -> None:
        """Write the rows of what is drawn."""
        for job in jobs:
            write(job, [samples_of(job)])

    def lacking(self) -> list[str]:
        """A sentence for each package that is missing."""
        needed = [figure.package for figure in self.figures.values() if figure.package]
        return [each.missing for each in dict.fromkeys((*self.packages, *needed)) if each.missing]

    def fetch(self, device: str) -> None:
        """Download what is missing, with a line of progress."""
        if self.model in ENTRIES:
            get(self.model, device)
        for each in self.needs:
            if each.path() is not None or (each.package and each.package.missing):
                continue
            if each.source is not None:
                shown(fetch(each.source, lambda total: None))
            else:
                _download(each)


def samples_of(job: Job) -> Samples:
    """What was drawn for a row."""
    samples = load(job.parts[0].path)
    assert samples is not None
    return samples.first(job.parts[0].count)


def columns(*figures: str) -> tuple[str, ...]:
    """Those of a results file with these figures."""
    return (*KEY, *ABOUT, *figures)


def _download(file: Need) -> None:
    target = downloads() / file.url.rpartition("/")[2]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(file.url, str(target))
    except OSError as error:
        raise ValueError(
            f"{file.url} ({size(file.size)}) cannot be downloaded ({error}); put it into the folder that {LOCAL} names"
        ) from None


def digest(source: Source) -> str:
    """Twelve hexadecimal digits of the names and sizes of a source's files: results are stored under them."""
    folder = found(source)
    assert folder is not None
    files = [path_in(folder, name) for name in source.files] or sorted(folder.iterdir())
    about = [(file.name, file.stat().st_size) for file in files if file.is_file()]
    return hashlib.sha256(repr(about).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Line:
    """A row of a published table.

    Attributes:
        name: as published. sampler: of ours; "" where it cannot be drawn, and `why`.
        changes: settings other than the experiment's own.
        passes: steps of ours for one of the T that the paper names.
    """

    name: str
    sampler: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    passes: int = 1
    why: str = ""
