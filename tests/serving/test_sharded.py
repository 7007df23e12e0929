"""A LLaDA split over two processes: the numbers and the runs of the whole one; one sentence where a process ends."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from replicas import replica

from remdm.cli.serve import Options
from remdm.domains.registry import DOMAINS
from remdm.hub import loading, memory, store
from remdm.hub.loading import load
from remdm.models import sharded
from remdm.models.checkpoints import CheckpointError
from remdm.models.llada import load_llada
from remdm.models.network import Compute
from remdm.models.sharded import Lost, Sharded
from remdm.runs.record import prepare, record
from remdm.runs.request import RunRequest
from remdm.sampling.methods import settings
from remdm.serving import replica as replicas
from remdm.serving.remote import Remote
from remdm.studies.reproduce.public_files import llada_folder, mdlm_folder

WHOLE = Compute(torch.device("cpu"), torch.float32, "the tests")
SPLIT = replace(WHOLE, devices=2)
CARDS = Compute(torch.device("cuda"), torch.bfloat16, "the tests", "a card", 2)
TOLERANCE = 1e-4
"""Of log-probabilities in float32, whose sums are taken in another order: 2e-5 were seen."""
ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = DOMAINS["text"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With fewer heads of keys than of queries, which the published ones do not have."""
    made = tmp_path_factory.mktemp("models") / "Tiny-1.5"
    llada_folder(made, kv_heads=2, chat=True)
    return made


@pytest.fixture(scope="module")
def split(folder):
    return Sharded(folder, SPLIT)


def log_x(network, ids):
    with torch.inference_mode():
        return network(ids).log_softmax(-1)


IDS = torch.randint(260, (3, 40), generator=torch.Generator().manual_seed(3))


def test_two_processes_give_the_log_probabilities_of_one(split, folder):
    whole = load_llada(folder)
    for ids in (IDS, IDS[:1, :7]):
        ours, theirs = log_x(split, ids), log_x(whole, ids)
        assert theirs.std() > 1 and (ours - theirs).abs().max() < TOLERANCE
    rows = IDS % 3 == 0
    with torch.inference_mode():
        assert torch.equal(split.hidden(IDS)[:1], split.hidden(IDS[:1])), "the same alone as in company"
        torch.testing.assert_close(split.hidden_at(IDS, rows), whole.hidden(IDS)[rows], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("tied", [False, True])
def test_each_process_has_its_share_of_the_blocks_and_the_first_one_the_head(tmp_path, tied):
    llada_folder(tmp_path, weight_tying=tied)
    whole, first, second = (load_llada(tmp_path, rank=rank, shares=of) for rank, of in ((0, 1), (0, 2), (1, 2)))
    shapes, halves = dict(whole.named_parameters()), dict(first.named_parameters())
    cut = {name for name in shapes if ".blocks." in name and "norm" not in name}
    assert all(2 * halves[name].numel() == shapes[name].numel() for name in cut) and len(cut) == 14
    assert all(torch.equal(halves[name], shapes[name]) for name in shapes.keys() - cut)
    assert shapes.keys() - dict(second.named_parameters()).keys() == (set() if tied else {"transformer.ff_out.weight"})
    for weight in halves.values():
        assert weight.untyped_storage().nbytes() == weight.nbytes, "no more of a matrix is kept than the share"


@pytest.mark.parametrize("sampler", ["remdm-conf", "llada"])
def test_a_replica_of_two_processes_makes_the_run_of_one(folder, monkeypatch, sampler):
    """Page, wire, batcher and sampler as ever; the page has no weights of such a model, and says so if need be."""
    monkeypatch.setenv(store.LOCAL, str(folder.parent))
    monkeypatch.setattr(replicas, "compute", lambda device: WHOLE)
    loading.MODEL_CACHE.empty()
    request = RunRequest(TEXT, TEXT.model("Tiny-1.5"), "Why?", 24, settings(sampler, 8), 5)
    here = record(prepare(request, WHOLE))
    with replica(devices=2) as address:
        engine = Remote(address)
        prepared = engine.prepare(request)
        there = record(prepared, engine.rows)
    assert there.final == here.final and there.text == here.text and there.start == here.start
    assert len(there.steps) == len(here.steps) and here.steps[-1].forwards == there.steps[-1].forwards
    for ours, theirs in zip(there.steps, here.steps, strict=True):
        assert [each[:2] for each in ours.decoded] == [each[:2] for each in theirs.decoded]
        assert [each[2] for each in ours.decoded] == pytest.approx([each[2] for each in theirs.decoded], abs=TOLERANCE)
        assert ours.remasked == theirs.remasked
    assert prepared.checkpoint.compute.title == "cpu float32, 2 devices"
    with pytest.raises(ValueError, match="split over the devices of its replicas"):
        prepared.checkpoint.denoiser(torch.tensor([prepared.start]), torch.ones(1, len(prepared.start)).bool(), 1.0)
    others = list(load("Tiny-1.5", SPLIT).denoiser.network._others)
    assert len(others) == 1 and others[0].poll() is None
    loading.MODEL_CACHE.empty()
    gc.collect()
    assert others[0].poll() is not None, "a model that gives way takes its processes with it"


@pytest.mark.slow
def test_a_process_that_ended_between_two_runs_is_started_anew(split, folder):
    before = log_x(split, IDS)
    (other,) = split._others
    other.kill()
    other.wait()
    assert torch.equal(log_x(split, IDS), before) and split._others != [other]
    (other,) = split._others
    other.kill()
    other.wait()
    hidden = folder / "config.json"
    hidden.rename(folder / "away")
    try:
        with pytest.raises(ValueError, match="must hold config.json and the model's"):
            split(IDS)
    finally:
        (folder / "away").rename(hidden)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs signals")
@pytest.mark.parametrize("killed", [True, False])
def test_a_process_that_ends_or_freezes_in_a_forward_is_one_sentence(folder, killed):
    seconds = 60.0 if killed else 4.0
    split = Sharded(folder, SPLIT, seconds)
    before = log_x(split, IDS)
    (other,) = split._others
    os.kill(other.pid, signal.SIGSTOP)
    if killed:
        threading.Timer(0.5, other.kill).start()
    begun = time.monotonic()
    with pytest.raises(Lost, match=f"One of the 2 processes .* ended, or did not answer within {seconds:g} s"):
        split(IDS)
    assert time.monotonic() - begun < 30 and other.poll() is not None
    if killed:
        assert torch.equal(log_x(split, IDS), before), "the next run has another process"


@pytest.mark.slow
def test_the_other_processes_end_with_the_first(folder):
    """Killed, so that it can tell nobody: what they print to closes when the last of them has gone."""
    script = (
        "import sys, time, torch; from pathlib import Path; from remdm.models.network import Compute\n"
        "from remdm.models.sharded import Sharded\n"
        "made = Sharded(Path(sys.argv[1]), Compute(torch.device('cpu'), torch.float32, '', devices=2))\n"
        "print(made._others[0].pid, flush=True); time.sleep(600)"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert int(first.stdout.readline()) > 0
    first.kill()
    ended = threading.Timer(30, first.stderr.close)
    ended.start()
    first.stderr.read()  # raises if it is closed meanwhile
    ended.cancel()
    first.wait()
    first.stdout.close()


# What is refused


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv(store.LOCAL, str(tmp_path))
    llada_folder(tmp_path / "tiny")
    mdlm_folder(tmp_path / "other")


@pytest.mark.parametrize(
    ("name", "devices", "why"),
    [
        ("stories", 2, "stories cannot be split over 2 devices, only a LLaDA can: serve it without"),
        ("other", 2, "other cannot be split over 2 devices, only a LLaDA can"),
        ("tiny", 3, "its 4 heads, 4 heads of keys and 48 inner channels cannot be split evenly over 3 devices"),
    ],
)
def test_what_cannot_be_split_is_refused(models, name, devices, why):
    with pytest.raises(CheckpointError, match=why):
        load(name, replace(WHOLE, devices=devices))


@pytest.mark.parametrize("name", ["tiny", "other"])
def test_only_some_families_run_with_openvino(models, name):
    there = replace(WHOLE, backend="OpenVINO")
    if name == "tiny":
        with pytest.raises(CheckpointError, match=r"tiny does not run with OpenVINO: take the device cpu\."):
            load(name, there)
    else:
        assert load(name, there).compute == there


def test_too_few_cards_are_refused(models, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(CheckpointError, match="tiny is to be split over 2 devices, but this process sees 1: take a"):
        load("tiny", CARDS)
    assert Options(tensor_parallel_size=2, gpus=2).deployment["ray_actor_options"]["num_gpus"] == 2
    with pytest.raises(ValueError, match="gpus must be 2, as many as tensor_parallel_size, or 0 .*, got 1"):
        Options(tensor_parallel_size=2, gpus=1)


def test_a_share_must_fit_into_a_card(monkeypatch):
    """LLaDA-8B: 16 GB, of which the vocabulary's 2 GB are not split."""
    monkeypatch.setattr(memory, "free", lambda device: 12 << 30)
    weights, whole = 8_015_581_184, 2 * 126_464 * 4096
    memory.check("llada", weights, CARDS, whole)
    with pytest.raises(memory.InsufficientMemory, match="llada takes about 19.2 GB of GPU memory"):
        memory.check("llada", weights, replace(CARDS, devices=1))
    monkeypatch.setattr(memory, "free", lambda device: 10 << 30)
    with pytest.raises(memory.InsufficientMemory, match="llada takes about 10.9 GB"):
        memory.check("llada", weights, CARDS, whole)


def test_what_a_process_meets_while_it_loads_is_one_sentence(folder, monkeypatch):
    monkeypatch.setattr(sharded, "LOADING", 0.01)
    with pytest.raises(ValueError, match="a process ended while it loaded its share of the model"):
        Sharded(folder, SPLIT)
