"""OpenVINO in the place of torch: the same distributions, and one sentence where it is lacking or gets them wrong."""

import copy
import os
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from remdm import cli
from remdm.domains.registry import DOMAINS
from remdm.models import network as networks
from remdm.models import openvino
from remdm.models.accelerated import accelerated
from remdm.models.checkpoints import is_embedded
from remdm.models.dit import DiTConfig
from remdm.models.network import DEVICES, Compute, NetworkDenoiser, compute, wanted
from remdm.models.openvino import KEPT, TOGETHER, TOLERANCE, OpenVINO
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.runs.trace_file import load
from remdm.serving import wire
from remdm.studies.bench.steps import Case, half_decoded, network_of, random_dit
from remdm.views.messages import start_message

MODELS = {model.name: (domain, model) for domain in DOMAINS.values() for model in domain.models}
TYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
HERE = Compute(torch.device("cpu"), torch.float32, "the tests")
THERE = replace(HERE, backend="OpenVINO")
EXACT = 1e-6
"""Nats, in float32."""
IDS = torch.randint(22, (3, 12), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def fresh(monkeypatch):
    """What a process chooses is chosen once."""
    monkeypatch.delenv("REMDM_DEVICE", raising=False)
    compute.cache_clear()
    yield monkeypatch
    compute.cache_clear()


@pytest.fixture
def compiled(monkeypatch):
    """The shapes and threads that were compiled; what comes out is torch's."""
    seen = []

    def compile_(plain, tokens, threads, dtype):
        seen.append((*tokens.shape, threads))
        return plain.hidden

    monkeypatch.setattr(openvino, "_compiled", compile_)
    return seen


def small():
    torch.manual_seed(0)
    return PlainTransformer(TransformerConfig(23, 64, 16, 2, 2)).eval().requires_grad_(False)


def nats(expected, found):
    """The mean divergence of log-probabilities `[n, V]`, impossible tokens left out."""
    return (expected.exp() * (expected - found).where(expected > -torch.inf, 0)).sum(-1).mean().abs()


@pytest.mark.openvino
@TYPES
@pytest.mark.parametrize("name", [*filter(is_embedded, MODELS)])
def test_it_is_as_near_to_float32_as_torch_in_the_same_type(name, dtype):
    domain, model = MODELS[name]
    exact, torchs, ours = (
        model.denoiser(model.load(replace(place, dtype=wide)), domain.ask())
        for place, wide in ((HERE, torch.float32), (HERE, dtype), (THERE, dtype))
    )
    assert isinstance(network_of(ours)[0], OpenVINO)
    state = half_decoded(Case(name, exact, exact, torch.full((1, model.length), exact.mask_id), 1))
    for count in (1, TOGETHER + 1):
        tokens, rows = state.tokens.expand(count, -1), state.masked.expand(count, -1)
        expected, own, found = (each(tokens, rows, 0.5) for each in (exact, torchs, ours))
        assert nats(expected, found) < 1.2 * nats(expected, own) + (1e-4 if dtype == torch.bfloat16 else EXACT)
    if exact.scored:
        scores = [each.scores(tokens, rows, 0.5)[1].sigmoid() for each in (exact, ours)]
        torch.testing.assert_close(*scores, atol=0.05 if dtype == torch.bfloat16 else 1e-4, rtol=0)


@pytest.mark.openvino
@TYPES
def test_so_are_those_of_the_published_architecture(dtype):
    torch.manual_seed(0)
    plain = random_dit(DiTConfig(23, 12, 32, 16, 2, 2)).eval().requires_grad_(False)
    ours, rows = OpenVINO(copy.deepcopy(plain).to(dtype)), IDS < 15
    with torch.inference_mode():
        expected, found = (each.head(each.hidden_at(IDS, rows)).float().log_softmax(-1) for each in (plain, ours))
    assert nats(expected, found) < (0.02 if dtype.itemsize == 2 else EXACT)


@pytest.mark.openvino
@TYPES
def test_a_sequence_is_the_same_alone_and_in_company(dtype):
    ours, many = OpenVINO(small().to(dtype)), torch.cat((IDS, 21 - IDS, IDS.flip(1)))
    assert len(many) > TOGETHER
    assert torch.equal(ours.hidden(many), torch.cat([ours.hidden(each[None]) for each in many]))


@pytest.mark.openvino
def test_nobody_is_told_that_it_is_used(tmp_path):
    """By itself the package writes an identity into the home folder and sends its use with that."""
    code = """
import sys, socket, torch
from remdm.models.openvino import OpenVINO
from remdm.models.transformer import PlainTransformer, TransformerConfig
asked = []
sys.addaudithook(lambda event, _: asked.append(event) if event in ("socket.connect", "socket.getaddrinfo") else None)
OpenVINO(PlainTransformer(TransformerConfig(23, 8, 16, 2, 2)).eval()).hidden(torch.zeros(1, 8, dtype=torch.int64))
assert "openvino" in sys.modules and not asked and not sys.modules["openvino_telemetry"], asked
"""
    env = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert not [*tmp_path.iterdir()]


@pytest.mark.openvino
def test_the_same_seed_gives_the_same_trace(tmp_path):
    files = [tmp_path / f"{name}.json.gz" for name in "ab"]
    for file in files:
        cli.main(["sample", "countdown", "--steps", "8", "--seed", "3", "--device", "openvino", "--out", str(file)])
    assert files[0].read_bytes() == files[1].read_bytes()
    run = load(files[0]).run
    assert run["device"] == compute("openvino").title and run["device"].endswith(", OpenVINO")


def test_a_shape_is_compiled_once_for_each_number_of_threads(compiled):
    ours, ids = OpenVINO(small()), IDS.repeat(4, 1)
    expected = ours.network.hidden(ids)
    before = torch.get_num_threads()
    for threads in (1, 2, 1):
        torch.set_num_threads(threads)
        for count in (2, 8, 11):
            torch.testing.assert_close(ours.hidden(ids[:count]), expected[:count])
    torch.set_num_threads(before)
    assert compiled == [(1, 12, 1), (TOGETHER, 12, 1), (1, 12, 2), (TOGETHER, 12, 2)]


def test_few_lengths_are_kept(compiled):
    ours = OpenVINO(small())
    for length in (*range(3, 3 + KEPT + 1), 3 + KEPT, 3):
        ours.hidden(IDS[:, :length])
    assert [length for _, length, _ in compiled] == [*range(3, 3 + KEPT + 1), 3]


def test_a_copy_compiles_anew(compiled):
    ours = OpenVINO(small())
    expected = ours.hidden(IDS)
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        torch.testing.assert_close(other.hidden(IDS), expected)
    assert len(compiled) == 3


@TYPES
def test_another_result_than_torchs_is_refused(monkeypatch, dtype):
    ours, masks = OpenVINO(small().to(dtype)), torch.full((1, 12), 22)
    monkeypatch.setattr(openvino, "_compiled", lambda plain, tokens, *how: lambda ids: plain.hidden(ids).roll(1, 1))
    with pytest.raises(ValueError, match=r"OpenVINO makes something else of this model here, \S+ nats off: use the"):
        ours.hidden(masks)
    monkeypatch.setattr(openvino, "_compiled", lambda plain, *how: lambda ids: plain.hidden(ids) * torch.nan)
    with pytest.raises(ValueError, match="something else"):
        ours.hidden(masks)


def test_so_is_what_cannot_be_compiled(monkeypatch):
    def fails(*how):
        raise RuntimeError("no operator aten::such\nand a page of it")

    monkeypatch.setattr(openvino, "_compiled", fails)
    with pytest.raises(
        ValueError, match=r"OpenVINO cannot compile this model \(no operator aten::such\): use the device"
    ):
        OpenVINO(small()).hidden(IDS)


def test_it_has_to_be_asked_for():
    network = small()
    assert accelerated(network, HERE) is network
    assert isinstance(accelerated(network, THERE), OpenVINO)


def test_where_it_is_not_installed_one_sentence_says_so(fresh, capsys):
    fresh.setattr(networks, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        cli.main(["sample", "countdown", "--device", "openvino"])
    said = "device is openvino, which is not installed here: run `pip install openvino`, or use cpu"
    assert ended.value.code == 2 and capsys.readouterr().err == f"remdm: {said}\n"
    fresh.setenv("REMDM_DEVICE", "openvino")
    with pytest.raises(ValueError, match=f"REMDM_{said.replace('device', 'DEVICE', 1)}"):
        compute("auto")


def test_a_variable_says_what_auto_means(fresh):
    fresh.setattr(networks, "find_spec", lambda name: True)
    fresh.setenv("REMDM_DEVICE", "openvino")
    assert (wanted(), wanted("cpu"), compute("auto").backend, compute("cpu").backend) == (
        "openvino", "cpu", "OpenVINO", "",
    )  # fmt: skip
    fresh.setenv("REMDM_DEVICE", "abacus")
    with pytest.raises(ValueError, match=f"REMDM_DEVICE must be one of {', '.join(DEVICES)}, got abacus"):
        wanted()


def test_a_network_is_not_trained_with_it(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "countdown", "--device", "openvino"])
    assert "invalid choice: 'openvino'" in capsys.readouterr().err


def test_traces_the_page_and_replicas_name_it():
    assert THERE.title == "cpu float32, OpenVINO"
    message = start_message("r", {"device": THERE.title}, (0,), 1, 1, {})
    assert message["device"] == "OpenVINO"
    assert wire.compute_of(wire.compute_json(THERE)) == THERE


def test_a_denoiser_computes_logits_by_torch(compiled):
    """As ever at the wanted rows alone, from what OpenVINO hands over in the network's own type."""
    network, rows = small().bfloat16(), IDS < 11
    plain, ours = (NetworkDenoiser(each, 22)(IDS, rows, 0.5) for each in (network, OpenVINO(network)))
    assert ours.shape == (int(rows.sum()), 23) and nats(plain, ours) < TOLERANCE
