"""Cells of a sweep: the samples of one sampler at one number of steps, kept in a file to be scored again.

Sample k of a cell depends on (seed, k) alone, so an interrupted cell goes on where it stopped and a larger one begins
with the smaller one's samples. (Equal up to the rounding of the network, which may differ with the batch it shares.)
"""

import hashlib
import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from remdm.runs.request import run_seed
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.knobs import pairs
from remdm.sampling.methods import Settings, parse, run, settings
from remdm.sampling.presets import METHODS

DATA = "data"
"""A sampler's name in a results file that stands for the data themselves."""
Tick = Callable[[int], Any]
"""Called after each step with the number of sequences that took it."""
Key = TypeVar("Key")


def silent(size: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True)
class Cell:
    """One sampler, changed by `overrides`, at one number of steps, from one seed."""

    sampler: str
    steps: int
    seed: int = 0
    overrides: tuple[tuple[str, Any], ...] = ()

    @property
    def settings(self) -> Settings:
        """The whole settings; raises ValueError for overrides that do not apply."""
        return settings(self.sampler, self.steps, **dict(self.overrides))

    @property
    def changes(self) -> str:
        """The overrides as one word, such as `eta=0.02,t_on=0.6`."""
        return ",".join(f"{name}={value}" for name, value in sorted(self.overrides))

    @property
    def file(self) -> str:
        """The file's name; its digest is that of the whole settings, so that a changed default means other samples."""
        digest = hashlib.sha256(json.dumps(self.settings.flat(), sort_keys=True).encode()).hexdigest()[:6]
        parts = (self.sampler, f"T{self.steps}", f"seed{self.seed}", self.changes, digest)
        return "_".join(part for part in parts if part) + ".npz"

    def seeds(self, first: int, stop: int) -> tuple[int, ...]:
        """The seeds of samples first .. stop - 1, those of the runs that `sample --seed --count` makes."""
        return tuple(run_seed(self.seed, k) for k in range(first, stop))


def variants(changes: Sequence[str], sampler: str) -> list[tuple[tuple[str, Any], ...]]:
    """The overrides of each variant of a sampler that `--set` asks for; one without any if it asks for none.

    Raises:
        ValueError: for a change of another form than SAMPLER:KEY=VALUE,KEY=VALUE, or one that sets nothing known.
    """
    everywhere: dict[str, Any] = {}
    own: list[dict[str, Any]] = []
    for change in changes:
        name, colon, rest = change.partition(":")
        if not colon or (name != "all" and name not in METHODS):
            raise ValueError(f"--set takes SAMPLER:KEY=VALUE,KEY=VALUE with a sampler's name or all, got {change}")
        try:
            values = parse(pairs(rest))
        except ValueError as error:
            raise ValueError(f"--set takes SAMPLER:KEY=VALUE,KEY=VALUE, got {change}: {error}") from None
        if "steps" in values:
            raise ValueError(f"--set does not take the number of steps, got {change}; use --steps")
        if name == "all":
            everywhere |= values
        elif name == sampler:
            own.append(values)
    return [tuple(sorted((everywhere | values).items())) for values in own or [{}]]


ARRAYS = ("tokens", "forwards", "seconds", "judged")


@dataclass(frozen=True)
class Samples:
    """What was drawn in a cell.

    Attributes:
        tokens: final ids, int32 `[n, L]`.
        forwards: network evaluations (NFE) of each, int32 `[n]`.
        seconds: a batch's time shared by its members, float64 `[n]`.
        judged: nats and tokens by the judge, of the first m, float64 `[m, 2]`.
        dtype: the number type the network ran in, `mixed` if it was not always the same.
        machine: where they were drawn, `mixed` likewise; empty where nobody noted it.
    """

    tokens: np.ndarray
    forwards: np.ndarray
    seconds: np.ndarray
    judged: np.ndarray
    dtype: str
    machine: str = ""

    @classmethod
    def given(cls, tokens: np.ndarray) -> "Samples":
        """Tokens that no sampler drew, such as the data's."""
        nothing = np.zeros(len(tokens), np.int32)
        return cls(tokens.astype(np.int32), nothing, nothing.astype(float), np.zeros((0, 2)), "")

    @classmethod
    def of_data(cls, tokens: np.ndarray, kind: str, first: int, stop: int, tick: Tick = silent) -> "Samples":
        """Rows `first` to `stop - 1` of the data `[n, L]`, as if a sampler's; ValueError if there are fewer `kind`."""
        if stop > len(tokens):
            raise ValueError(f"There are {len(tokens)} {kind}, so no more can be asked for")
        return cls.given(tokens[first:stop])

    def __len__(self) -> int:
        return len(self.tokens)

    def first(self, count: int) -> "Samples":
        """The first samples alone."""
        return replace(self, **{name: getattr(self, name)[:count] for name in ARRAYS})

    def after(self, before: "Samples | None") -> "Samples":
        """These behind others, which keep their scores by the judge."""
        if before is None or not len(before):
            return self if before is None else replace(self, judged=before.judged)
        made: dict[str, Any] = {
            name: np.concatenate((getattr(before, name), getattr(self, name))) for name in ARRAYS[:3]
        }
        for name in ("dtype", "machine"):
            made[name] = getattr(self, name) if getattr(self, name) == getattr(before, name) else "mixed"
        return replace(before, **made)


@cache
def machine() -> str:
    """What a time in seconds depends on: the processor and its cores, the GPU if there is one."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{platform.machine()}, {os.cpu_count()} cores{gpu}"


def load(path: Path) -> Samples | None:
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as data:
        arrays = {name: data[name] for name in ARRAYS}
        return Samples(**arrays, dtype=str(data["dtype"]), machine=str(data["machine"]) if "machine" in data else "")


def save(path: Path, samples: Samples) -> None:
    """Write the samples, all or nothing: an interruption leaves the file as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part, arrays = path.with_suffix(".part"), {each.name: getattr(samples, each.name) for each in fields(samples)}
    with part.open("wb") as file:
        np.savez_compressed(file, **arrays)
    os.replace(part, path)


def draw(
    denoiser: Denoiser, chosen: Settings, starts: Tensor, seeds: tuple[int, ...], tick: Callable[[int], Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Final ids `[B, L]` and forwards `[B]` of a batch that starts from ids `[B, L]`, masks among them.

    `tick` is called after each step with the number of sequences.
    """
    running = run(denoiser, chosen, starts, seeds, watch=False)
    for record in running:
        after = record.after
        tick(len(seeds))
    return after.tokens.numpy(), running.forwards.numpy()


READ_AT_ONCE = 16
"""Samples that a judge reads between two looks at the file."""


def judged(path: Path, count: int, read: Callable[[Samples], Sequence[tuple[float, int]]]) -> Samples:
    """The samples of a file with a judge's scores of the first `count`, saved as they come.

    Args:
        path: the file.
        count: how many are to be read; those that were are not read again.
        read: nats and tokens of each of some samples, by the judge.
    """
    samples = load(path)
    assert samples is not None
    while (begin := len(samples.judged)) < min(count, len(samples)):
        part = replace(samples, tokens=samples.tokens[begin : min(count, begin + READ_AT_ONCE)])
        scores = np.array(read(part), dtype=np.float64)
        samples = replace(samples, judged=np.concatenate((samples.judged, scores)))
        save(path, samples)
    return samples


class Stopped(Exception):
    """What a tick raises to end the drawing in the middle of a batch."""


def until(halt: threading.Event) -> Tick:
    """A tick that ends the drawing within one step once `halt` is set."""

    def tick(size: int) -> None:
        if halt.is_set():
            raise Stopped

    return tick


class Draw(Protocol):
    """Draws samples `first` to `stop - 1` of a cell; what is drawn depends on the cell and their places alone."""

    def __call__(self, first: int, stop: int, tick: Tick = silent) -> Samples:
        """Draw them in one batch."""


@dataclass(frozen=True)
class Free:
    """Draws a cell's samples from nothing but masks. It can be sent to another machine: it holds all it needs."""

    denoiser: Denoiser
    cell: Cell
    length: int
    dtype: str = "float32"

    def __call__(self, first: int, stop: int, tick: Tick = silent) -> Samples:
        begun, starts = time.perf_counter(), torch.full((stop - first, self.length), self.denoiser.mask_id)
        tokens, forwards = draw(self.denoiser, self.cell.settings, starts, self.cell.seeds(first, stop), tick)
        return timed(tokens, forwards, begun, self.dtype)


def timed(tokens: np.ndarray, forwards: np.ndarray, begun: float, dtype: str) -> Samples:
    """A batch as samples, with the time since `begun` shared among them."""
    seconds = np.full(len(tokens), (time.perf_counter() - begun) / len(tokens))
    return Samples(tokens.astype(np.int32), forwards.astype(np.int32), seconds, np.zeros((0, 2)), dtype, machine())


@dataclass(frozen=True)
class Part:
    """A file of samples: how many are wanted of it, how they are drawn, and how many steps one takes."""

    path: Path
    count: int
    draw: Draw
    steps: int

    @property
    def there(self) -> int:
        """How many the file has."""
        return len(load(self.path) or ())

    @property
    def missing(self) -> int:
        """Steps of the samples that are not there yet."""
        return max(0, self.count - self.there) * self.steps


def batches(done: int, count: int, batch: int) -> Iterator[tuple[int, int]]:
    """What is missing of `count` samples if `done` are there: (first, stop) of batches that end at whole multiples."""
    while done < count:
        stop = min(count, (done // batch + 1) * batch)
        yield done, stop
        done = stop


def fill(made: Draw, count: int, path: Path, *, batch: int = 32, tick: Tick = silent) -> Samples:
    """At least `count` samples: those of the file, and drawn ones, saved batch by batch."""
    samples = load(path)
    for first, stop in batches(len(samples or ()), count, batch):
        samples = made(first, stop, tick).after(samples)
        save(path, samples)
    if samples is None:
        raise ValueError(f"count must be at least 1, got {count}")
    return samples


def rounds(draws: Mapping[Key, Draw], count: int, batch: int, halt: threading.Event) -> Iterator[tuple[Key, Samples]]:
    """`count` samples of each, a batch of one after the other, as they are drawn; `halt` ends it within one step."""
    for first, stop in batches(0, count, batch):
        for key, draw in draws.items():
            try:
                made = draw(first, stop, until(halt))
            except Stopped:
                return
            yield key, made
