"""The authors' step: read from a folder in the shape of their public code, and refused in words where it is another."""

import json
import sys
from pathlib import Path

import pytest
import torch

from remdm.models.dit import DiTConfig, Rotary, attend
from remdm.models.layers import rotate
from remdm.studies.bench import steps
from remdm.studies.bench.literal import literal_step
from remdm.studies.bench.reference import Reference, attended, stand_ins, turned
from tests.studies.test_bench import FLOOR, STEP, command

SHAPE = DiTConfig(23, 12, 16, 8, 2, 2)
DIT = """
import flash_attn
import flash_attn.layers.rotary
import huggingface_hub
import omegaconf
from einops import rearrange

from remdm.models.dit import Block, DiT, DiTConfig


class Other(Block):
    def attention(self, x, cos, sin, places=None):
        qkv = rearrange(self.attn_qkv(x), "b s (three h d) -> b s three h d", three=3, h=self.heads)
        half = cos.shape[-1] // 2
        qkv = flash_attn.layers.rotary.apply_rotary_emb_qkv_(qkv, cos[:, :half], sin[:, half:])
        flat = rearrange(qkv, "b s ... -> (b s) ...")
        run = flash_attn.flash_attn_interface.flash_attn_varlen_qkvpacked_func
        made = run(flat, None, x.shape[1], 0.0, causal=False)
        return self.attn_out(rearrange(made, "(b s) h d -> b s (h d)", b=len(x)))


class DIT(DiT, huggingface_hub.PyTorchModelHubMixin):
    def __init__(self, config, vocab_size):
        of = config.model
        super().__init__(DiTConfig(vocab_size, of.length, of.hidden_size, of.cond_dim, of.n_blocks, of.n_heads))
        for block in self.blocks:
            block.__class__ = Other

    def forward(self, indices, sigma):
        assert sigma.tolist() == [0] * len(indices)
        return super().forward(indices)
"""
SCHEDULE = """
class LogLinearNoise:
    def __call__(self, t):
        return -(1 - 0.999 * t).log(), None
"""
UPDATE = """
import lightning as L
import of_the_training_alone


def _sample_categorical(chances):
    return chances


class Diffusion(L.LightningModule):
    def __init__(self):
        raise AssertionError("it would read a tokenizer")

    def forward(self, x, sigma):
        return self._subs_parameterization(self.backbone(x, self._process_sigma(sigma)), x)

    def _process_sigma(self, sigma):
        assert not self.time_conditioning and self.parameterization == "subs"
        return torch.zeros_like(sigma.squeeze(-1))

    def _subs_parameterization(self, logits, xt):
        return logits

    def _ddpm_caching_update(self, x, t, dt, p_x0=None, conf=None):
        from remdm.sampling.time_grid import Step
        from remdm.studies.bench.literal import literal_step

        assert self.config.noise.type == "loglinear" and self.config.sampling.sampler == "remdm-cap"
        at = Step(0, float(t[0]), float(t[0] - dt), 1 - float(t[0]), 1 - float(t[0] - dt))
        sample = self.config.sampling
        logits = lambda z: self.forward(z, self.noise(t)[0])
        return None, literal_step(logits, x, self.mask_index, at, sample.eta, sample.nucleus_p), conf
"""


@pytest.fixture
def clone(tmp_path):
    (tmp_path / "models").mkdir()
    for name, text in (("models/dit.py", DIT), ("noise_schedule.py", SCHEDULE), ("diffusion.py", UPDATE)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def network():
    torch.manual_seed(0)
    return steps.random_dit(SHAPE).eval().requires_grad_(False)


def stepping(clone, network):
    return Reference(clone).step(network, 22, steps.AT_HALF, steps.ETA, steps.NUCLEUS_P)


def test_their_step_runs_on_our_weights(clone, network):
    """Attention, rotation and rearranging come from the modules that replace what they import."""
    before = {name: sys.modules.get(name) for name in stand_ins()}
    step = stepping(clone, network)
    assert {name: sys.modules.get(name) for name in before} == before and "of_the_training_alone" not in sys.modules
    assert sorted(each.name for each in clone.rglob("*")) == ["diffusion.py", "dit.py", "models", "noise_schedule.py"]
    z = torch.full((2, 12), 22)
    z[:, ::3] = 5
    torch.manual_seed(1)
    theirs = step(z)
    torch.manual_seed(1)
    assert theirs.equal(literal_step(network, z, 22, steps.AT_HALF, steps.ETA, steps.NUCLEUS_P))


def test_what_replaces_flash_attention_is_our_attention():
    qkv = torch.randn(2 * 5, 3, 4, 8)
    cos, sin = Rotary(8)(5)
    q, k, v = qkv.view(2, 5, 3, 4, 8).permute(2, 0, 3, 1, 4)
    ours = attend(rotate(q, cos, sin), rotate(k, cos, sin), v).transpose(1, 2)
    given = turned(qkv.view(2, 5, 3, 4, 8).clone(), cos[:, :4], sin[:, 4:])
    torch.testing.assert_close(attended(given.flatten(0, 1), torch.tensor([0, 5, 10]), 5).view(2, 5, 4, 8), ours)


def test_the_command_times_it_for_their_networks_alone(clone, monkeypatch, capsys):
    path = clone / "rows.json"
    monkeypatch.setitem(steps.GEOMETRIES, "owt-1024", (23, 12, lambda: steps.random_dit(SHAPE), 1))
    text = steps.TransformerConfig(23, 12, 16, 2, 2)
    monkeypatch.setitem(steps.GEOMETRIES, "text-256", (23, 12, lambda: steps.random_transformer(text), 1))
    command("--only", "owt-1024", "text-256", "--reference", str(clone), "--json", str(path), "--device", "cpu")
    own, other = json.loads(path.read_text(encoding="utf-8"))
    assert set(own) == STEP | FLOOR | {"reference_ms", "reference_ratio"} and set(other) == STEP | FLOOR
    assert own["reference_ratio"] == pytest.approx(own["reference_ms"] / own["ours_ms"], rel=0.05)
    assert "times as fast as the authors' own (" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("diffusion.py", "", None, r"has no diffusion\.py: name a clone of https"),
        ("noise_schedule.py", "LogLinear", "Cosine", r"noise_schedule\.py .* \(it has no 'LogLinearNoise'\): name a"),
        ("diffusion.py", "_ddpm_caching_update", "_update", r"diffusion\.py .* \(it has no '_ddpm_caching_update'\)"),
        ("diffusion.py", "def _sample_cat", "def _cat", r"diffusion\.py .* \(it has no '_sample_categorical'\)"),
        ("diffusion.py", "remdm-cap", "mdlm", r"diffusion\.py .* \(it has no 'remdm-cap'\)"),
        ("diffusion.py", "class", "clas", r"diffusion\.py .* \(SyntaxError: "),
        ("models/dit.py", "omegaconf", "nowhere", r"models/dit\.py .* \(ModuleNotFoundError: .*nowhere"),
        ("models/dit.py", "of.hidden_size", "2 * of.hidden_size", "does not run our weights .*size mismatch"),
        ("models/dit.py", "forward(indices)", "forward(indices.flip(1))", "has another network, logits differ by"),
    ],
)
def test_another_folder_is_refused_in_a_sentence(clone, network, name, old, new, message):
    file = clone / name
    if new is None:
        file.unlink()
    else:
        assert old in (text := file.read_text(encoding="utf-8"))
        file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as refused:
        stepping(clone, network)
    assert "clone of https://github.com/kuleshov-group/remdm" in str(refused.value)


def test_it_is_refused_before_anything_is_timed():
    with pytest.raises(ValueError, match=r"reference nowhere has no models/dit\.py: name a clone"):
        command("--only", "smiles-32", "--reference", str(Path("nowhere")), "--device", "cpu")
