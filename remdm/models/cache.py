"""Loaded models: each is loaded once per device and number type, and can be dropped again."""

import gc
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import torch

from remdm.models import allocator
from remdm.models.network import Compute

Model = TypeVar("Model")


class ModelCache(Generic[Model]):
    """The loaded models by name, device and type. Runs under way keep a dropped one until they end."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a load may empty the cache to have room
        self._loaded: dict[tuple[str, Compute], Model] = {}
        self._used: dict[tuple[str, Compute], float] = {}

    def get(self, name: str, compute: Compute, load: Callable[[str, Compute], Model]) -> Model:
        """The model, loaded if it is not here yet; raises as `load`."""
        key = name, compute
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = load(name, compute)
                _give_back()  # weights were read and converted: up to four times their size
            self._used[key] = time.monotonic()
            return self._loaded[key]

    def peek(self, name: str) -> Model | None:
        """The model if it is loaded."""
        return next((loaded for (known, _), loaded in list(self._loaded.items()) if known == name), None)

    def drop(self, name: str) -> None:
        """Drop one model."""
        self._drop(lambda key: key[0] == name)

    def empty(self) -> bool:
        """Drop all models; whether there were any."""
        return self._drop(lambda key: True)

    def drop_unused(self, seconds: float) -> bool:
        """Drop the models that nobody has asked for in so many seconds; whether there were any."""
        since = time.monotonic() - seconds
        return self._drop(lambda key: self._used[key] < since)

    def _drop(self, which: Callable[[tuple[str, Compute]], bool]) -> bool:
        with self._lock:
            gone = [key for key in self._loaded if which(key)]
            for key in gone:
                del self._loaded[key], self._used[key]
        if gone:
            gc.collect()
            _give_back()
        return bool(gone)


def _give_back() -> None:
    allocator.give_back()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
