"""Runs that share forwards: the same records as alone, everyone's turn, errors and departures, and no deadlock."""

import threading
from dataclasses import replace

import pytest
import torch

from remdm.domains.text.domain import DOMAIN
from remdm.models.ideal import letters
from remdm.models.network import Network, NetworkDenoiser
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.runs.record import prepare
from remdm.runs.request import RunRequest
from remdm.runs.trace_file import dumps
from remdm.sampling.methods import run, settings
from remdm.serving.batcher import Batcher, batcher, shared

LONGEST = 60  # seconds after which a thread is held to be stuck
VOCABULARY, MASK = 23, 22


def in_threads(*acts):
    """Each act in a thread of its own, all of them to their end."""
    found, faults = [None] * len(acts), []

    def go(place, act):
        try:
            found[place] = act()
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=go, args=(place, act), daemon=True) for place, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST)
    assert not any(thread.is_alive() for thread in threads), "stuck"
    return found, faults


class Gated(Network):
    """Gives each token's double; notes the batches, and can be held up in its first forward."""

    def __init__(self, held=False):
        super().__init__()
        self.batches, self.begun, self.open = [], threading.Event(), threading.Event()
        if not held:
            self.open.set()

    def hidden(self, tokens):
        self.batches.append(tokens[:, 0].tolist())
        self.begun.set()
        assert self.open.wait(LONGEST)
        if (tokens == 13).any():
            raise RuntimeError("no thirteens")
        return tokens[..., None].double() * 2


def ask(batch, *firsts, length=4):
    """A call for sequences that begin with these tokens."""
    tokens = torch.zeros(len(firsts), length, dtype=torch.int64)
    tokens[:, 0] = torch.tensor(firsts)
    return batch.seat().hidden_at(tokens, torch.arange(length).expand_as(tokens) == 0)[:, 0].tolist()


def behind(network, batch, *acts):
    """Results of a first call that is held up in its forward, then of acts that all wait before it goes on."""

    def first():
        return ask(batch, 1)

    def gate():
        assert network.begun.wait(LONGEST)
        while len(batch._waiting) < len(acts):
            pass
        network.open.set()

    def later(act):
        assert network.begun.wait(LONGEST)
        return act()

    return in_threads(first, gate, *(lambda act=act: later(act) for act in acts))


def test_alone_every_call_is_a_forward_of_its_own():
    network = Gated()
    batch = Batcher(network)
    assert [ask(batch, 5), ask(batch, 6, 7)] == [[10], [12, 14]] and network.batches == [[5], [6, 7]]


def test_those_who_wait_share_one_forward():
    network = Gated(held=True)
    batch = Batcher(network)
    found, faults = behind(network, batch, *(lambda n=n: ask(batch, n, n + 20) for n in (2, 3, 4)))
    assert not faults and found[0] == [2] and found[2:] == [[4, 44], [6, 46], [8, 48]]
    assert network.batches[0] == [1] and sorted(network.batches[1]) == [2, 3, 4, 22, 23, 24] and batch.forwards == 2


def test_a_run_of_many_sequences_cannot_hold_up_the_others():
    """Room for 8 a forward: whoever came, 30 sequences and two single ones, the single ones are in the next."""
    network = Gated(held=True)
    batch = Batcher(network, positions=32)
    many = range(100, 130)
    found, faults = behind(network, batch, lambda: ask(batch, *many), lambda: ask(batch, 2), lambda: ask(batch, 3))
    assert not faults and found[2:] == [[2 * n for n in many], [4], [6]]
    sizes = [len(each) for each in network.batches]
    assert sizes == [1, 8, 8, 8, 8] and {2, 3} <= set(network.batches[1])


def test_a_forward_is_of_one_length():
    network = Gated(held=True)
    batch = Batcher(network)
    found, faults = behind(network, batch, *(lambda n=n: ask(batch, n, length=4 + n % 2) for n in (2, 3, 4, 5)))
    assert not faults and found[2:] == [[4], [6], [8], [10]]
    assert sorted(map(sorted, network.batches[1:])) == [[2, 4], [3, 5]]


def test_an_error_reaches_those_it_concerns_and_nobody_after():
    network = Gated(held=True)
    batch = Batcher(network)
    found, faults = behind(network, batch, lambda: ask(batch, 13), lambda: ask(batch, 2))
    assert found[0] == [2] and [str(fault) for fault in faults] == ["no thirteens"] * 2
    assert ask(batch, 2) == [4] and not batch._waiting


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def denoiser(request):
    torch.manual_seed(0)
    network = PlainTransformer(TransformerConfig(VOCABULARY, 16, width=32, depth=2, heads=2))
    return NetworkDenoiser(network.to(request.param).eval().requires_grad_(False), MASK)


CROWD = (("remdm-loop", 16, (1,)), ("mdlm", 16, (2,)), ("remdm-conf", 12, (3,)), ("llada", 16, (4, 5, 6, 7)))


def walked(denoiser, name, length, seeds):
    start = torch.full((len(seeds), length), MASK)
    return [(r.after.tokens, r.after.psi, r.shown.peak) for r in run(denoiser, settings(name, 20), start, seeds)]


def test_the_same_seed_gives_the_same_run_alone_and_in_company(denoiser):
    """To the last bit, in both number types: forwards are shared, the vocabulary's product is not."""
    alone = [walked(denoiser, *visit) for visit in CROWD]
    batch = Batcher(denoiser.network, positions=48)
    found, faults = in_threads(
        *(lambda v=visit: walked(replace(denoiser, network=batch.seat()), *v) for visit in CROWD)
    )
    assert not faults
    for records, expected in zip(found, alone, strict=True):
        for got, wanted in zip(records, expected, strict=True):
            assert got[0].equal(wanted[0]) and got[1].equal(wanted[1])
            assert (got[2] is wanted[2] is None) or got[2].equal(wanted[2])


def test_who_leaves_in_the_middle_holds_up_nobody(denoiser):
    batch = Batcher(denoiser.network)

    def left():
        running = run(replace(denoiser, network=batch.seat()), settings("mdlm", 64), torch.full((1, 16), MASK), (1,))
        taken = [record.step.index for record, _ in zip(running, range(3), strict=False)]
        running.records.close()
        return taken

    seats = [replace(denoiser, network=batch.seat()) for _ in range(2)]
    found, faults = in_threads(left, *(lambda seat=seat: walked(seat, "mdlm", 16, (9,)) for seat in seats))
    assert not faults and found[0] == [0, 1, 2]
    assert all(each[-1][0].equal(walked(denoiser, "mdlm", 16, (9,))[-1][0]) for each in found[1:])
    assert not batch._waiting and not batch._busy


def test_runs_of_one_model_have_one_batcher():
    order = RunRequest(DOMAIN, DOMAIN.model(None), "", DOMAIN.model(None).length, settings("remdm-cap", 6), 4)
    live = prepare(order)
    first, second = shared(live), shared(live)
    seats = [each.checkpoint.denoiser.network for each in (first, second)]
    assert seats[0] is not seats[1] and seats[0].batcher is seats[1].batcher is batcher(seats[0].network)
    traces = [dumps(each.trace([step.frame for step in each.steps()])) for each in (first, live)]
    assert traces[0] == traces[1]
    assert seats[0].batcher.forwards > 0
    other = replace(live, checkpoint=replace(live.checkpoint, denoiser=letters()))
    assert shared(other) is other
