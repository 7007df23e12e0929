"""On a CUDA device: every sampler on every embedded model, what the host waits for, and the CPU's answers.

It needs torch, tokenizers, safetensors and pandas, no page and no RDKit; nothing of the other tests:

    python -m pytest --noconftest -m gpu tests/gpu

REMDM_TEST_DEVICE=cpu rehearses it on a machine without a card, where nothing is waited for.
"""

import os
import warnings
from collections import Counter

import pytest
import torch

from remdm.domains.registry import DOMAINS
from remdm.models.checkpoints import is_embedded
from remdm.models.graphs import Graphed
from remdm.models.network import Compute, NetworkDenoiser, compute
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.models.vocabulary import closed_tokenizer
from remdm.runs.frames import Recorded
from remdm.runs.record import facts, prepare, record
from remdm.runs.request import RunRequest
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.methods import run, settings
from remdm.sampling.noise import Noise
from remdm.sampling.presets import METHODS
from remdm.serving.batcher import shared
from remdm.serving.streamed_runs import RunGroup, Runs
from remdm.training.batches import Data
from remdm.training.loop import Recipe, Run, Task
from remdm.views.messages import start_message

DEVICE = os.environ.get("REMDM_TEST_DEVICE", "cuda")
CARD = DEVICE == "cuda"
torch.backends.cudnn.allow_tf32 = False  # float32 means it here: convolutions would take fewer bits by themselves
torch.set_num_threads(min(4, torch.get_num_threads()))
pytestmark = pytest.mark.gpu
if CARD and not torch.cuda.is_available():
    pytest.skip("this machine shows no CUDA device", allow_module_level=True)
EMBEDDED = {model.name: domain for domain in DOMAINS.values() for model in domain.models if is_embedded(model.name)}
WAITED = "called a synchronizing CUDA operation"


def x_theta(name: str, device: str, dtype: torch.dtype) -> tuple[Denoiser, int]:
    """The denoiser of an embedded model, with nothing asked for, and its length."""
    domain = EMBEDDED[name]
    model = domain.model(name)
    checkpoint = model.load(Compute(torch.device(device), dtype, "for the tests"))
    return model.denoiser(checkpoint, domain.ask()), model.length


def walked(denoiser, length, sampler, count=2, steps=8, **more):
    start = torch.full((count, length), denoiser.mask_id)
    return run(denoiser, settings(sampler, steps), start, tuple(range(count)), **more)


@pytest.mark.parametrize("name", EMBEDDED)
@pytest.mark.parametrize("sampler", METHODS)
def test_every_sampler_on_every_model_runs_and_repeats_itself(name, sampler):
    denoiser, length = x_theta(name, DEVICE, torch.bfloat16 if CARD else torch.float32)
    ends = []
    for _ in range(2):
        for made in walked(denoiser, length, sampler):
            if made.log_x is not None:
                assert made.log_x.device.type == DEVICE, "x_theta stays where the network is"
            last = made.after
        assert not last.masked.any()
        ends.append(last.tokens)
    assert ends[0].equal(ends[1])


@pytest.mark.parametrize("name", EMBEDDED)
def test_probabilities_are_those_of_the_cpu(name):
    (cpu, length), (cuda, _) = (x_theta(name, device, torch.float32) for device in ("cpu", DEVICE))
    tokens = torch.full((1, length), cpu.mask_id)
    guesses = cpu(tokens, tokens == cpu.mask_id, 1.0).argmax(-1)
    tokens[0, ::2] = guesses[::2]
    expected, found = (each(tokens, tokens == cpu.mask_id, 0.5).exp() for each in (cpu, cuda))
    torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", EMBEDDED)
@pytest.mark.parametrize("sampler", ["mdlm", "remdm-cap", "remdm-conf", "maskgit", "llada"])
def test_each_step_decides_as_on_the_cpu_from_the_same_noise(name, sampler, monkeypatch):
    """Each step of a run of the CPU is taken again on the card from the same state, with the CPU's numbers."""
    own = Noise._uniform_like
    monkeypatch.setattr(
        Noise,
        "_uniform_like",
        lambda self, log_x, generator: own(self, torch.empty(log_x.shape), generator).to(log_x.device),
    )
    (cpu, length), (cuda, _) = (x_theta(name, device, torch.float32) for device in ("cpu", DEVICE))
    same = Counter()
    for made in walked(cpu, length, sampler, coupled=True, watch=False):
        if made.step.phase == "finish":
            continue
        again = next(iter(run(cuda, settings(sampler, 8), made.before, (0, 1), coupled=True, watch=False,
                              first=made.step.index)))  # fmt: skip
        same["positions"] += made.after.tokens.numel()
        same["equal"] += int((made.after.tokens == again.after.tokens).sum())
        same["who"] += int((made.decoded == again.decoded).sum())
    assert same["equal"] >= 0.995 * same["positions"] and same["who"] >= 0.995 * same["positions"], same


def waits(act) -> Counter:
    """How often the host waited for the device in `act`, by where."""
    if not CARD:
        act()
        return Counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            act()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return Counter(f"{each.filename}:{each.lineno}" for each in caught if WAITED in str(each.message))


@pytest.mark.skipif(not CARD, reason="only a card is waited for")
def test_a_wait_is_seen():
    x = torch.ones(3, device=DEVICE)
    assert sum(waits(lambda: x.sum().item()).values()) == 1


@pytest.mark.parametrize("name", EMBEDDED)
@pytest.mark.parametrize("sampler", METHODS)
def test_a_step_waits_for_the_card_once_and_a_recorded_one_twice(name, sampler):
    denoiser, length = x_theta(name, DEVICE, torch.bfloat16 if CARD else torch.float32)
    for watch, most in ((False, 1), (True, 2)):
        for _ in walked(denoiser, length, sampler, watch=watch):
            pass  # graphs are recorded now, and libraries have chosen their kernels
        running = walked(denoiser, length, sampler, watch=watch)
        records = iter(running)

        def step(records=records, watch=watch, running=running):
            made = next(records, None)
            if watch and made is not None:
                whole = Recorded(made)
                for row in range(2):
                    whole.frame(row, int(running.forwards[row]))
            return made

        for _ in running.steps:
            found = waits(step)
            assert sum(found.values()) <= most, found


@pytest.mark.parametrize("name", EMBEDDED)
@pytest.mark.parametrize("count", [1, 3])
def test_a_replayed_forward_is_the_forward(name, count):
    denoiser, length = x_theta(name, DEVICE, torch.float32)
    while not isinstance(denoiser, NetworkDenoiser):
        denoiser = denoiser.denoiser
    plain = denoiser.network.network if CARD else denoiser.network
    replayed = Graphed(plain)
    width = length + (2 if EMBEDDED[name].name in ("image", "molecule") else 0)  # two tokens say what is asked for
    for seed in range(2):
        generator = torch.Generator().manual_seed(seed)
        ids = torch.randint(denoiser.mask_id + 1, (count, width), generator=generator)
        if width > length:
            ids[:, :2] = denoiser.mask_id + 1
        tokens, rows = ids.to(DEVICE), torch.rand(ids.shape, generator=generator) < 0.5
        with torch.inference_mode():
            expected = plain.hidden_at(tokens, rows)
        torch.testing.assert_close(replayed.hidden_at(tokens, rows), expected, rtol=1e-4, atol=1e-4)
    assert replayed.refused == ""
    assert replayed.recorded == (1 if CARD else 0)


@pytest.mark.parametrize("domain", ["text", "image", "countdown"])
def test_a_trace_says_where_it_was_made(domain):
    domain = DOMAINS[domain]
    model = domain.model(None)
    chosen = settings("remdm-cap", 8)
    trace = record(RunRequest(domain, model, "", model.length, chosen, 7, device=DEVICE))
    assert trace.mask_id not in trace.final and trace.run["device"] == compute(DEVICE).title
    if CARD:
        assert torch.cuda.get_device_name() in trace.run["device"]


def test_a_streamed_run_says_the_name_of_the_card():
    domain = DOMAINS["text"]
    model = domain.model(None)
    prepared = prepare(RunRequest(domain, model, "", model.length, settings("remdm-loop", 8), 7, device=DEVICE))
    runs = Runs()
    shown = runs.open(prepared, RunGroup())
    about = facts(prepared.request, prepared.checkpoint)
    message = start_message(
        shown.run_id, about, prepared.start, prepared.checkpoint.mask_id, prepared.expected,
        prepared.pieces(set(prepared.start)), "", model.layout or domain.layout, None,
    )  # fmt: skip
    for step in shared(prepared).steps():
        assert shown.add(step, lambda: "{}")
    assert len(shown.frames) >= 8 and runs.get(shown.run_id) is shown
    assert message.get("device", "") == (torch.cuda.get_device_name() if CARD else "")


def test_a_training_step_is_recorded_and_learns(tmp_path):
    torch.manual_seed(0)
    network = PlainTransformer(TransformerConfig(8, 6, width=32, depth=2, heads=2, recall_heads=1, absolute=True))
    words = torch.tensor([[1, 2, 3, 4, 5, 6]]).repeat(64, 1)
    task = Task(network, Data(lambda index, size: words[:size], words), closed_tokenizer(("<mask>",), "abcdefg"))
    steps, stream = 150, torch.cuda.Stream() if CARD else None
    with torch.cuda.stream(stream):
        run = Run(task, Recipe(1.0, 32, device=DEVICE, average=0.9), tmp_path)
        for _ in range(steps):
            run.advance()
            run.seconds += 60 / steps
        assert run.save() < 0.1
    if CARD:
        assert not run.gradients.refused, run.gradients.refused
