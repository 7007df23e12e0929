"""Cells of a sweep: the samples of one sampler at one number of steps, kept in a file to be scored again.

Sample k of a cell depends on (seed, k) alone, so an interrupted cell goes on where it stopped and a larger one begins
with the smaller one's samples. (Equal up to the rounding of the network, which may differ with the batch it shares.)
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from remdm.denoiser import Denoiser
from remdm.methods import METHODS, Settings, run, settings
from remdm.recording import run_seed


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


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def variants(changes: Sequence[str], sampler: str) -> list[tuple[tuple[str, Any], ...]]:
    """The overrides of each variant of a sampler that `--set` asks for; one without any if it asks for none.

    Raises:
        ValueError: for a change of another form than SAMPLER:KEY=VALUE,KEY=VALUE.
    """
    everywhere: dict[str, Any] = {}
    own: list[dict[str, Any]] = []
    for change in changes:
        name, colon, rest = change.partition(":")
        pairs = [pair.partition("=") for pair in rest.split(",") if pair]
        if not colon or (name != "all" and name not in METHODS) or not all(key and sign for key, sign, _ in pairs):
            raise ValueError(f"--set takes SAMPLER:KEY=VALUE,KEY=VALUE with a sampler's name or all, got {change}")
        values = {key: _value(value) for key, _, value in pairs}
        if name == "all":
            everywhere |= values
        elif name == sampler:
            own.append(values)
    return [tuple(sorted((everywhere | values).items())) for values in own or [{}]]


@dataclass(frozen=True)
class Samples:
    """What was drawn in a cell.

    Attributes:
        tokens: final ids, int32 `[n, L]`.
        forwards: network calls of each, int32 `[n]`.
        seconds: a batch's time shared by its members, float64 `[n]`.
        judged: nats and tokens by the judge, of the first m, float64 `[m, 2]`.
        dtype: the number type the network ran in, `mixed` if it was not always the same.
    """

    tokens: np.ndarray
    forwards: np.ndarray
    seconds: np.ndarray
    judged: np.ndarray
    dtype: str

    def __len__(self) -> int:
        return len(self.tokens)

    def first(self, count: int) -> "Samples":
        """The first samples alone."""
        cut = (each[:count] for each in (self.tokens, self.forwards, self.seconds, self.judged))
        return Samples(*cut, self.dtype)


def empty(length: int, dtype: str) -> Samples:
    """No samples yet."""
    none = np.zeros(0)
    return Samples(np.zeros((0, length), np.int32), none.astype(np.int32), none, np.zeros((0, 2)), dtype)


def load(path: Path) -> Samples | None:
    """The samples of a file, None if there is none."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as data:
        arrays = [data[name] for name in ("tokens", "forwards", "seconds", "judged")]
        return Samples(*arrays, str(data["dtype"]))


def save(path: Path, samples: Samples) -> None:
    """Write the samples, all or nothing: an interruption leaves the file as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez_compressed(
            file, tokens=samples.tokens, forwards=samples.forwards, seconds=samples.seconds, judged=samples.judged,
            dtype=np.array(samples.dtype),
        )  # fmt: skip
    os.replace(part, path)


def draw(
    denoiser: Denoiser, chosen: Settings, length: int, seeds: tuple[int, ...], tick: Callable[[int], Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Final ids `[B, L]` and forwards `[B]` of a batch that starts from nothing but masks.

    `tick` is called after each step with the number of sequences.
    """
    running = run(denoiser, chosen, torch.full((len(seeds), length), denoiser.mask_id), seeds, watch=False)
    for record in running:
        after = record.after
        tick(len(seeds))
    return after.tokens.numpy().astype(np.int32), running.forwards.numpy().astype(np.int32)


def fill(
    cell: Cell, denoiser: Denoiser, length: int, count: int, path: Path, *,
    dtype: str = "float32", batch: int = 32, tick: Callable[[int], Any] = lambda size: None,
) -> Samples:  # fmt: skip
    """At least `count` samples of a cell: those of the file, and drawn ones, saved batch by batch."""
    samples = load(path) or empty(length, dtype)
    while len(samples) < count:
        done = len(samples)
        stop = min(count, (done // batch + 1) * batch)
        begun = time.perf_counter()
        tokens, forwards = draw(denoiser, cell.settings, length, cell.seeds(done, stop), tick)
        seconds = np.full(stop - done, (time.perf_counter() - begun) / (stop - done))
        samples = replace(
            samples,
            tokens=np.concatenate((samples.tokens, tokens)),
            forwards=np.concatenate((samples.forwards, forwards)),
            seconds=np.concatenate((samples.seconds, seconds)),
            dtype=dtype if samples.dtype == dtype else "mixed",
        )
        save(path, samples)
    return samples
