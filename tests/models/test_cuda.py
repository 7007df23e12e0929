"""On a CUDA device: every sampler runs on an embedded model, and the network says what it says on the CPU."""

import pytest
import torch

from remdm import cli
from remdm.domains.registry import DOMAINS
from remdm.models.checkpoints import is_embedded
from remdm.models.network import Compute
from remdm.runs.trace import load
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.methods import METHODS

pytestmark = pytest.mark.gpu
EMBEDDED = {model.name: domain for domain in DOMAINS.values() for model in domain.models if is_embedded(model.name)}


@pytest.mark.parametrize("sampler", METHODS)
def test_every_sampler_runs_and_repeats_itself(sampler, tmp_path):
    paths = [tmp_path / name for name in ("first.json", "again.json")]
    for path in paths:
        cli.main(["sample", "text", "--sampler", sampler, "--steps", "12", "--device", "cuda", "--out", str(path)])
    trace = load(paths[0])
    assert trace.mask_id not in trace.final and trace.run["device"] == "cuda bfloat16"
    assert paths[0].read_bytes() == paths[1].read_bytes()


def denoiser(name: str, device: str) -> Denoiser:
    """x_theta of an embedded model in float32, with nothing asked for."""
    model = EMBEDDED[name].model(name)
    checkpoint = model.load(Compute(torch.device(device), torch.float32, "to compare"))
    return model.denoiser(checkpoint, EMBEDDED[name].ask())


@pytest.mark.parametrize("name", EMBEDDED)
def test_probabilities_are_those_of_the_cpu(name):
    cpu, cuda = denoiser(name, "cpu"), denoiser(name, "cuda")
    tokens = torch.full((1, EMBEDDED[name].model(name).length), cpu.mask_id)
    guesses = cpu(tokens, tokens == cpu.mask_id, 1.0).argmax(-1)
    tokens[0, ::2] = guesses[::2]
    expected, found = (each(tokens, tokens == cpu.mask_id, 0.5).exp() for each in (cpu, cuda))
    assert found.device == tokens.device
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)
