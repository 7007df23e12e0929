"""Loaded models are kept once, counted as used when asked for, and gone when they are dropped."""

import gc
import weakref

import pytest
import torch

from remdm.hub import idle, memory
from remdm.models import cache
from remdm.models.cache import ModelCache
from remdm.models.checkpoints import EMBEDDED, load_embedded
from remdm.models.network import Compute

PLAIN, HALF = (Compute(torch.device("cpu"), dtype, "test") for dtype in (torch.float32, torch.bfloat16))


class Model:
    def __init__(self, name, compute):
        self.name, self.compute = name, compute


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(cache.time, "monotonic", lambda: now[0])
    return now


def test_each_is_loaded_once_per_number_type():
    models = ModelCache()
    first = models.get("a", PLAIN, Model)
    assert models.get("a", PLAIN, Model) is first is models.peek("a")
    assert models.get("a", HALF, Model).compute is HALF
    models.drop("a")
    assert models.peek("a") is None and models.get("a", PLAIN, Model) is not first


def test_what_nobody_has_asked_for_goes(clock):
    models = ModelCache()
    for at, name in ((0, "a"), (0, "b"), (50, "a")):
        clock[0] = at
        models.get(name, PLAIN, Model)
    clock[0] = 70
    assert models.drop_unused(60) and models.peek("b") is None and models.peek("a") is not None
    assert not models.drop_unused(60)
    assert models.empty() and not models.empty()


def test_a_load_may_make_room_for_itself():
    models = ModelCache()
    models.get("a", PLAIN, Model)

    def load(name, compute):
        models.empty()
        return Model(name, compute)

    models.get("b", PLAIN, load)
    assert models.peek("a") is None and models.peek("b") is not None


def test_a_load_that_fails_leaves_nothing():
    models = ModelCache()
    with pytest.raises(ValueError):
        models.get("a", PLAIN, lambda *_: int("a"))
    assert models.peek("a") is None and not models.empty()


@pytest.mark.parametrize("total, looks", [(2e9, True), (16e9, False), (None, False)])
def test_only_a_small_machine_looks_for_unused_models(monkeypatch, total, looks):
    monkeypatch.setattr(memory, "total", lambda: total)
    assert (idle.watch(every=3600) is not None) == looks


def test_a_dropped_model_leaves_memory_and_is_loaded_again():
    gone = weakref.ref(load_embedded("countdown", PLAIN).denoiser.network)
    EMBEDDED.drop("countdown")
    gc.collect()
    assert gone() is None
    assert load_embedded("countdown", PLAIN).denoiser.network is not None
