"""A public model inside ZeroGPU's decorator: another process, pickled both ways; and what a Space without a GPU does.

The real package attaches no GPU outside Spaces, so its way of calling is imitated: fork, pickle, a pipe.
"""

import functools
import importlib
import multiprocessing
import pickle
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from remdm.app import streams
from remdm.domains.text.domain import DOMAIN
from remdm.hub import image, loading
from remdm.models.checkpoints import CheckpointError
from remdm.models.network import compute
from remdm.runs.record import prepare
from remdm.runs.request import RunRequest
from remdm.sampling.methods import settings
from remdm.serving import gpu
from remdm.studies.reproduce.public_files import mdlm_folder


def forked(duration):
    """As `spaces.GPU`: the generator runs in a process forked for it; arguments and items are pickled."""

    def decorate(function):
        @functools.wraps(function)
        def in_another_process(*args):
            assert duration(*args) > 0
            sent = pickle.dumps(args)
            here, there = multiprocessing.Pipe()

            def work():
                for item in function(*pickle.loads(sent)):
                    there.send_bytes(pickle.dumps(item))
                there.send_bytes(pickle.dumps(None))

            process = multiprocessing.get_context("fork").Process(target=work, daemon=True)
            process.start()
            while here.poll(60) and (item := pickle.loads(here.recv_bytes())) is not None:
                yield item
            process.join(10)
            assert process.exitcode == 0

        return in_another_process

    return decorate


@pytest.fixture
def zero_gpu(monkeypatch):
    """The page's generators, decorated by the imitation."""
    monkeypatch.setattr(gpu, "spaces", SimpleNamespace(GPU=forked))
    yield importlib.reload(streams)
    monkeypatch.undo()
    importlib.reload(streams)


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REMDM_CHECKPOINTS", raising=False)
    loading.MODEL_CACHE.empty()


def request(seed):
    return RunRequest(DOMAIN, DOMAIN.model("a"), "Hi ...", 64, settings("remdm-conf", 8), seed)


def test_a_run_on_zerogpu_is_the_same_run(tmp_path, zero_gpu):
    mdlm_folder(tmp_path / "a")
    there = [step.frame for step in zero_gpu.steps_of(prepare(request(3)))]
    assert loading.MODEL_CACHE.peek("a") is not None, (
        "loaded here, before the other process is forked: it need not do it again"
    )
    assert len(pickle.dumps(prepare(request(3)))) < 100_000, "the weights are not sent"
    here = [step.frame for step in prepare(request(3)).steps()]
    assert [frame.decoded for frame in there] == [frame.decoded for frame in here]
    assert [frame.remasked for frame in there] == [frame.remasked for frame in here]


def llada(positions, steps):
    """LLaDA 8B, where every masked position draws at each step."""
    return gpu.Work(8_015_581_184, 1, positions, 126_464, steps, positions * steps // 2)


def test_a_gpu_is_asked_for_as_long_as_the_run_takes(tmp_path):
    """By the cost model: a small run takes little more than the beginning, LLaDA at least as long as its products."""
    mdlm_folder(tmp_path / "a")
    small = streams.work([prepare(request(3))])
    assert (small.positions, small.passes, small.steps) == (64, 1, 8) and small.vocabulary > small.positions
    assert gpu.BEGIN < gpu.seconds(small) <= gpu.BEGIN + 2
    several = streams.work([prepare(request(index)) for index in range(5)])
    assert (several.positions, several.weights, several.draws) == (320, small.weights, 5 * small.draws)
    forwards = 64 * 2 * 8_015_581_184 * 512 / gpu.FLOPS
    assert gpu.seconds(llada(512, 64)) > gpu.BEGIN + forwards + 8
    assert gpu.seconds(llada(128, 32)) < gpu.seconds(llada(256, 32)) < gpu.seconds(llada(256, 256))
    alone = gpu.seconds(llada(256, 32))
    assert alone < gpu.seconds(llada(256, 32), llada(256, 32)) < 2 * alone - gpu.BEGIN, "it begins and is moved once"
    confident = replace(request(3), settings=settings("llada", 8))
    assert streams.work([prepare(confident)]).draws == 64 * 4
    judging = replace(request(3), settings=settings("wino", 8, hide="alone"))
    assert streams.work([prepare(judging)]).passes == 1 + 64, "what a step asks counts"


def test_a_space_without_a_gpu_refuses_what_is_too_large_and_goes_on(monkeypatch):
    monkeypatch.setenv("SPACE_ID", "some/space")
    with pytest.raises(CheckpointError, match="needs a GPU"):
        prepare(RunRequest(DOMAIN, DOMAIN.model("llada-8b-base"), "Hi ...", 64, settings("llada", 8), 3))
    first = RunRequest(DOMAIN, DOMAIN.models[0], "", DOMAIN.models[0].length, settings("mdlm", 2), 3)
    assert next(iter(prepare(first).steps())).frame.decoded


def test_pictures_are_drawn_where_the_page_is(monkeypatch):
    """On ZeroGPU the page's own process has no GPU, and pictures are drawn there."""
    cuda = replace(compute("cpu"), device=torch.device("cuda"))
    assert image._decoder_device(cuda).type == "cuda"
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert image._decoder_device(cuda).type == "cpu"
