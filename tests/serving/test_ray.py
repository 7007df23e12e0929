"""A Ray cluster with two replicas: the trace of a run made here, and no run is lost with the replica that made it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from remdm.cli.serve import Options, config
from remdm.domains.registry import DOMAINS
from remdm.runs.record import record
from remdm.runs.request import RunRequest
from remdm.runs.trace_file import dumps
from remdm.sampling.methods import settings
from remdm.serving.remote import Remote

pytestmark = pytest.mark.ray

ROOT = Path(__file__).resolve().parent.parent.parent
STARTS = 240
"""Seconds within which a cluster starts, on a busy machine."""
TEXT = DOMAINS["text"]


@dataclass(frozen=True)
class Cluster:
    """`remdm serve` under way."""

    address: str
    process: subprocess.Popen
    log: Path


def started(folder: Path, *more: str) -> Cluster:
    """A cluster of one's own that answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "serve.log"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "remdm", "serve", "--port", str(port), *more], stdout=out, stderr=subprocess.STDOUT,
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, start_new_session=True,
        )  # fmt: skip
    until = time.monotonic() + STARTS
    while "answers at" not in log.read_text(encoding="utf-8"):
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            pytest.fail(f"remdm serve did not start:\n{log.read_text(encoding='utf-8')}")
        time.sleep(0.2)
    return Cluster(f"http://127.0.0.1:{port}", process, log)


def ended(cluster: Cluster) -> None:
    cluster.process.terminate()
    cluster.process.wait(60)
    assert "Traceback" not in cluster.log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    made = started(tmp_path_factory.mktemp("serve"), "--replicas", "2", "--cpus", "0.5", "--visitors", "16")
    yield made
    ended(made)


class Watched(Remote):
    """Notes which replicas a run was made by, as host:pid, and can end the one that makes it."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.replicas: list[str] = []

    def _replies(self, what, content=None):
        for reply in super()._replies(what, content):
            self.replicas += [reply["begun"]] if "begun" in reply else []
            yield reply

    def end_replica(self, how: int = signal.SIGKILL) -> None:
        os.kill(int(self.replicas[-1].split(":")[1]), how)


def order(seed=7, steps=32, sampler="remdm-conf"):
    model = TEXT.models[0]
    return RunRequest(TEXT, model, "", model.length, settings(sampler, steps), seed)


def broken(address: str, request: RunRequest, after: int) -> tuple[bytes, list[str]]:
    """The trace of a run whose replica is ended after so many steps, and who made it."""
    engine = Watched(address)
    prepared = engine.prepare(request)
    frames = []
    for timed in prepared.steps(engine.rows):
        frames.append(timed.frame)
        if len(frames) == after:
            engine.end_replica()
    return dumps(prepared.trace(frames)), engine.replicas


def test_serve_reads_the_config_file():
    schema = pytest.importorskip("ray.serve.schema")
    read = schema.ServeDeploySchema(**config(Options(replicas=1, most=4, gpus=0.5), 8000))
    assert read.applications[0].deployments[0].autoscaling_config["max_replicas"] == 4


def test_the_trace_is_that_of_a_run_made_here(cluster):
    for request in (order(), order(sampler="remdm-loop", steps=12), order(sampler="mdlm", steps=12)):
        engine = Remote(cluster.address)
        assert dumps(record(engine.prepare(request), engine.rows)) == dumps(record(request))


def test_many_visitors_are_spread_over_the_replicas(cluster):
    """64 over two replicas that make 16 runs each: the others wait, and none meets an error."""
    made, faults, replicas = [None] * 64, [], set()

    def visit(place):
        try:
            engine = Watched(cluster.address)
            made[place] = dumps(record(engine.prepare(order(place, 4)), engine.rows))
            replicas.update(engine.replicas)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=visit, args=(place,)) for place in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert not faults and len(replicas) == 2
    assert all(made[place] == dumps(record(order(place, 4))) for place in range(0, 64, 13))


def test_a_run_goes_on_at_the_other_replica(cluster):
    trace, replicas = broken(cluster.address, order(), 9)
    assert trace == dumps(record(order())) and len(set(replicas)) == 2


def test_a_frozen_replica_holds_nobody_else(cluster, monkeypatch):
    """It says nothing more: its run goes on elsewhere, and others never notice."""
    monkeypatch.setattr("remdm.serving.remote.SILENCE", 5.0)
    engine = Watched(cluster.address)
    prepared = engine.prepare(order(3))
    frames = []
    try:
        for timed in prepared.steps(engine.rows):
            frames.append(timed.frame)
            if len(frames) == 5:
                frozen = engine.replicas[-1]
                engine.end_replica(signal.SIGSTOP)
        assert dumps(prepared.trace(frames)) == dumps(record(order(3))) and len(set(engine.replicas)) == 2
    finally:
        os.kill(int(frozen.split(":")[1]), signal.SIGKILL)


@pytest.mark.slow
def test_twenty_runs_outlive_their_replicas(cluster):
    for seed in range(20):
        trace, replicas = broken(cluster.address, order(seed), 3 + seed)
        assert trace == dumps(record(order(seed))), f"seed {seed}"
        assert len(set(replicas)) > 1, f"seed {seed}: {replicas}"


def test_a_head_that_goes_away_is_one_sentence(cluster, monkeypatch):
    """The last test here: it takes the cluster with it."""
    monkeypatch.setattr("remdm.serving.remote.PATIENCE", 2.0)
    engine = Remote(cluster.address)
    prepared = engine.prepare(order(steps=4000))
    steps = prepared.steps(engine.rows)
    shown = [next(steps) for _ in range(3)]
    ended(cluster)
    with pytest.raises(ValueError, match=f"No replica answers at {cluster.address} .*: start some with `remdm serve`"):
        list(steps)
    assert len(shown) == 3
