"""MDLM's DiT: names and shapes of the published checkpoints, its conventions, and its loaders."""

import json
import math
import os
from collections import defaultdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from remdm.models.dit import DiT, DiTConfig, attend
from remdm.models.dit_files import blank, load_hub_folder, load_lightning
from remdm.models.onednn import linear

OWT = DiTConfig(vocab_size=50258, length=1024, hidden_dim=768, cond_dim=128, n_blocks=12, n_heads=12)
TINY = DiTConfig(vocab_size=11, length=8, hidden_dim=16, cond_dim=6, n_blocks=2, n_heads=2)

# as in kuleshov-group/mdlm, models/dit.py; the order is that of an averaged-weights list
BLOCK = {
    "norm1.weight": [768],
    "attn_qkv.weight": [2304, 768],
    "attn_out.weight": [768, 768],
    "norm2.weight": [768],
    "mlp.0.weight": [3072, 768],
    "mlp.0.bias": [3072],
    "mlp.2.weight": [768, 3072],
    "mlp.2.bias": [768],
    "adaLN_modulation.weight": [4608, 128],
    "adaLN_modulation.bias": [4608],
}
BEFORE = {
    "vocab_embed.embedding": [50258, 768],
    "sigma_map.mlp.0.weight": [128, 256],
    "sigma_map.mlp.0.bias": [128],
    "sigma_map.mlp.2.weight": [128, 128],
    "sigma_map.mlp.2.bias": [128],
}
AFTER = {
    "output_layer.norm_final.weight": [768],
    "output_layer.linear.weight": [50258, 768],
    "output_layer.linear.bias": [50258],
    "output_layer.adaLN_modulation.weight": [1536, 128],
    "output_layer.adaLN_modulation.bias": [1536],
}
PARAMETERS = BEFORE | {f"blocks.{i}.{name}": shape for i in range(12) for name, shape in BLOCK.items()} | AFTER


def random_model(config: DiTConfig = TINY, seed: int = 0) -> DiT:
    """A DiT whose every weight is random, so that nothing hides behind the zeros that training starts from."""
    model = DiT(config).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    return model


def tokens(config: DiTConfig = TINY, batch: int = 3, seed: int = 1) -> torch.Tensor:
    """Random token ids."""
    return torch.randint(config.vocab_size, (batch, config.length), generator=torch.Generator().manual_seed(seed))


def test_owt_geometry() -> None:
    model = blank(OWT)
    assert sum(parameter.numel() for parameter in model.parameters()) == 169_627_218
    assert [(name, list(value.shape)) for name, value in model.named_parameters()] == list(PARAMETERS.items())
    assert {name: list(value.shape) for name, value in model.state_dict().items()} == PARAMETERS | {
        "rotary_emb.inv_freq": [32]
    }


def reference(model: DiT, ids: torch.Tensor, noise: float) -> torch.Tensor:
    """The published formulas for one sequence, position by position and head by head, in float64."""
    w = {name: value.double() for name, value in model.state_dict().items()}
    heads, dim = model.config.n_heads, model.config.hidden_dim
    size = dim // heads
    wave = [noise * 10_000 ** (-j / 128) for j in range(128)]
    c = torch.tensor([math.cos(a) for a in wave] + [math.sin(a) for a in wave], dtype=torch.float64)
    c = w["sigma_map.mlp.0.weight"] @ c + w["sigma_map.mlp.0.bias"]
    c = w["sigma_map.mlp.2.weight"] @ (c * c.sigmoid()) + w["sigma_map.mlp.2.bias"]
    c = c * c.sigmoid()

    def norm(x, name):
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * w[name]

    def turned(vector, position):
        pairs = vector.reshape(2, size // 2)
        angle = position * 10_000 ** (-torch.arange(size // 2).double() * 2 / size)
        rotated = torch.complex(pairs[0], pairs[1]) * torch.polar(torch.ones_like(angle), angle)
        return torch.cat((rotated.real, rotated.imag))

    def gelu(x):
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    x = w["vocab_embed.embedding"][ids]
    for i in range(model.config.n_blocks):
        b = {name.split(".", 2)[2]: value for name, value in w.items() if name.startswith(f"blocks.{i}.")}
        mod = (b["adaLN_modulation.weight"] @ c + b["adaLN_modulation.bias"]).reshape(6, dim)
        y = norm(x, f"blocks.{i}.norm1.weight") * (1 + mod[1]) + mod[0]
        out = torch.zeros_like(x)
        for h in range(heads):
            q, k, v = (b["attn_qkv.weight"][part * dim + h * size :][:size] for part in range(3))
            query = torch.stack([turned(q @ row, p) for p, row in enumerate(y)])
            key = torch.stack([turned(k @ row, p) for p, row in enumerate(y)])
            out[:, h * size : (h + 1) * size] = (query @ key.T / math.sqrt(size)).softmax(-1) @ (y @ v.T)
        x = x + mod[2] * (out @ b["attn_out.weight"].T)
        y = norm(x, f"blocks.{i}.norm2.weight") * (1 + mod[4]) + mod[3]
        y = gelu(y @ b["mlp.0.weight"].T + b["mlp.0.bias"]) @ b["mlp.2.weight"].T + b["mlp.2.bias"]
        x = x + mod[5] * y
    shift, scale = (w["output_layer.adaLN_modulation.weight"] @ c + w["output_layer.adaLN_modulation.bias"]).chunk(2)
    x = norm(x, "output_layer.norm_final.weight") * (1 + scale) + shift
    return x @ w["output_layer.linear.weight"].T + w["output_layer.linear.bias"]


@pytest.mark.parametrize(("timed", "t", "noise"), [(False, None, 0.0), (True, 0.3, -math.log(1 - 0.999 * 0.3))])
def test_forward_follows_the_formulas(timed: bool, t: float | None, noise: float) -> None:
    model = random_model(DiTConfig(11, 8, 16, 6, 2, 2, time_conditioning=timed))
    ids = tokens()
    expected = torch.stack([reference(model, row, noise) for row in ids]).float()
    torch.testing.assert_close(model(ids, t), expected, rtol=1e-4, atol=1e-4)


def test_head_on_rows_equals_forward() -> None:
    model, ids = random_model(), tokens()
    rows = torch.zeros(ids.shape, dtype=torch.bool)
    rows[0, 2] = rows[2, 7] = True
    torch.testing.assert_close(model.head(model.hidden(ids)[rows]), model(ids)[rows])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_last_block_may_be_spared_rows(dtype: torch.dtype) -> None:
    """Sequences of one, all and no wanted rows in one batch; row order is that of the mask."""
    model, ids = random_model().to(dtype), tokens()
    rows = torch.zeros(ids.shape, dtype=torch.bool)
    rows[0, 5] = rows[1] = True
    found, expected = model.hidden_at(ids, rows), model.hidden(ids)[rows]
    assert found.shape == (9, 16)
    torch.testing.assert_close(found, expected, rtol=0.02 if dtype == torch.bfloat16 else 1e-5, atol=1e-5)
    assert model.hidden_at(ids, rows & False).shape == (0, 16)


def test_the_fused_feed_forward_is_the_plain_one_to_rounding() -> None:
    """Without gradients, in bfloat16, GELU is part of the product before it; float32 says what should come out."""
    torch.manual_seed(0)
    block = DiT(DiTConfig(11, 8, 64, 6, 1, 2)).blocks[0].requires_grad_(False)
    x = torch.randn(2, 24, 64)
    exact, plain = block.mlp(x), block.bfloat16().mlp(x.bfloat16())
    with torch.no_grad():
        fused = block.feed(x.bfloat16())
    error = lambda found: (found.float() - exact).abs().max()  # noqa: E731
    assert error(fused) <= 1.5 * error(plain) and 0 < error(plain) < 0.02


@pytest.mark.parametrize("shape", [(1, 24, 64), (3, 7, 64), (5, 64)])
def test_a_weight_that_is_laid_out_gives_the_same_numbers_until_it_changes(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(64, 96).bfloat16().requires_grad_(False)
    with torch.inference_mode():
        for _ in range(3):
            x = torch.randn(shape).bfloat16()
            assert torch.equal(linear(x, layer.weight, layer.bias), F.linear(x, layer.weight, layer.bias))
            layer.weight.mul_(-2)
        assert torch.equal(linear(x, layer.weight), F.linear(x, layer.weight))


def test_time_is_ignored_without_conditioning_and_used_with_it() -> None:
    ids = tokens()
    untimed = random_model()
    assert torch.equal(untimed(ids, 0.1), untimed(ids))
    timed = random_model(DiTConfig(11, 8, 16, 6, 2, 2, time_conditioning=True))
    assert not torch.allclose(timed(ids, 0.1), timed(ids, 0.9))
    each = torch.tensor([0.1, 0.5, 0.9])
    torch.testing.assert_close(timed(ids, each)[2], timed(ids, 0.9)[2])
    with pytest.raises(ValueError, match="t must be given"):
        timed(ids)


def test_a_later_token_changes_an_earlier_output() -> None:
    model, ids = random_model(), tokens()
    changed = ids.clone()
    changed[:, -1] = (changed[:, -1] + 1) % TINY.vocab_size
    assert not torch.allclose(model(ids)[:, 0], model(changed)[:, 0])


def test_attention_sees_only_distances() -> None:
    model = random_model()
    ids = torch.tensor([[3, 4]])
    cos, sin = model.rotary_emb(6)
    x = model.vocab_embed.embedding[ids]
    near = model.blocks[0].attention(x, cos[:2], sin[:2])
    moved = model.blocks[0].attention(x, cos[4:], sin[4:])
    apart = model.blocks[0].attention(x, cos[[0, 5]], sin[[0, 5]])
    torch.testing.assert_close(near, moved)
    assert not torch.allclose(near, apart)


def test_training_start_is_silent() -> None:
    assert torch.equal(DiT(TINY)(tokens()), torch.zeros(3, 8, 11))


def hub_folder(folder: Path, model: DiT, **changes: object) -> Path:
    """Write a model as the hub has it."""
    names = {"model_length": "length"}
    fields = ("vocab_size", "model_length", "hidden_dim", "cond_dim", "n_blocks", "n_heads", "time_conditioning")
    config = {"model_type": "mdlm"} | {f: getattr(model.config, names.get(f, f)) for f in fields} | changes
    (folder / "config.json").write_text(
        json.dumps({k: v for k, v in config.items() if v is not None}), encoding="utf-8"
    )
    state = {f"backbone.{name}": value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    return folder


def test_hub_folder_round_trip(tmp_path: Path) -> None:
    model = random_model()
    loaded = load_hub_folder(hub_folder(tmp_path, model))
    assert loaded.config == model.config
    torch.testing.assert_close(loaded(tokens()), model(tokens()))
    assert not loaded.training


def test_rotary_frequencies_may_be_left_out(tmp_path: Path) -> None:
    model = random_model()
    folder = hub_folder(tmp_path, model)
    state = {f"backbone.{name}": value.clone() for name, value in model.named_parameters()}
    save_file(state, folder / "model.safetensors")
    torch.testing.assert_close(load_hub_folder(folder)(tokens()), model(tokens()))


def test_hub_folder_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="config.json is missing"):
        load_hub_folder(tmp_path)
    with pytest.raises(ValueError, match="lacks cond_dim"):
        load_hub_folder(hub_folder(tmp_path, random_model(), cond_dim=None))
    with pytest.raises(ValueError, match=r"adaLN_modulation.weight must have shape \[96, 7\], got \[96, 6\]"):
        load_hub_folder(hub_folder(tmp_path, random_model(), cond_dim=7))
    with pytest.raises(ValueError, match="has unexpected 10"):
        load_hub_folder(hub_folder(tmp_path, random_model(), n_blocks=1))
    with pytest.raises(ValueError, match="n_heads must be a whole number"):
        load_hub_folder(hub_folder(tmp_path, random_model(), n_heads="2"))
    hub_folder(tmp_path, random_model())
    (tmp_path / "model.safetensors").write_bytes(b"not tensors at all")
    with pytest.raises(ValueError, match="not a safetensors file"):
        load_hub_folder(tmp_path)


class Settings:
    """Stands for the objects that a Lightning file pickles beside its weights."""

    def __init__(self) -> None:
        self.nested = defaultdict(dict, {"model": {"length": 8}})


class Harmful:
    """Runs a function when unpickled by a careless reader."""

    def __init__(self, function: object, argument: str) -> None:
        self.call = (function, (argument,))

    def __reduce__(self) -> tuple:
        return self.call


def lightning_file(path: Path, model: DiT, averaged: DiT | None, is_old: bool = False, **more: object) -> Path:
    """Write a model as the authors' trainer does; `is_old`: in PyTorch's format before 1.6, not a zip archive."""
    checkpoint = {"state_dict": {f"backbone.{name}": value for name, value in model.state_dict().items()}} | more
    if averaged is not None:
        checkpoint["ema"] = {"decay": 0.9999, "num_updates": 5, "shadow_params": list(averaged.parameters())}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=not is_old)
    return path


def test_lightning_averaged_weights_win(tmp_path: Path) -> None:
    plain, averaged = random_model(seed=0), random_model(seed=7)
    settings = {"hyper_parameters": {"config": Settings()}}
    loaded = load_lightning(lightning_file(tmp_path / "a.ckpt", plain, averaged, **settings), length=8)
    assert loaded.config == TINY
    torch.testing.assert_close(loaded(tokens()), averaged(tokens()))
    loaded = load_lightning(lightning_file(tmp_path / "b.ckpt", plain, None), length=8)
    torch.testing.assert_close(loaded(tokens()), plain(tokens()))


def test_an_older_file_is_read_like_a_new_one(tmp_path: Path) -> None:
    plain = random_model()
    settings = {"hyper_parameters": {"config": Settings()}}
    loaded = [
        load_lightning(lightning_file(tmp_path / f"{is_old}.ckpt", plain, plain, is_old, **settings), length=8)
        for is_old in (False, True)
    ]
    torch.testing.assert_close(loaded[0](tokens()), loaded[1](tokens()), rtol=0, atol=0)


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize("function", [os.system, eval, os.mkdir, exec])
def test_lightning_runs_no_code(tmp_path: Path, function: object, is_old: bool) -> None:
    witness = tmp_path / "witness"
    commands = {os.system: f"mkdir {witness}", os.mkdir: str(witness)}
    command = commands.get(function, f"__import__('os').mkdir({str(witness)!r})")
    harmful = {"hyper_parameters": Harmful(function, command)}
    file = lightning_file(tmp_path / "a.ckpt", random_model(), None, is_old, **harmful)
    try:
        load_lightning(file, length=8)
    except ValueError as error:
        assert "refused" in str(error)
    assert not witness.exists()
    torch.load(file, weights_only=False)
    assert witness.exists(), "the file must be harmful to a careless reader, or this test shows nothing"


def test_lightning_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is missing"):
        load_lightning(tmp_path / "none.ckpt")
    torch.save({"weights": 1}, tmp_path / "a.ckpt")
    with pytest.raises(ValueError, match="has no state_dict"):
        load_lightning(tmp_path / "a.ckpt")
    torch.save({"state_dict": {"backbone.lm_head": torch.zeros(2)}}, tmp_path / "a.ckpt")
    with pytest.raises(ValueError, match="does not hold a DiT"):
        load_lightning(tmp_path / "a.ckpt")
    short = random_model(DiTConfig(11, 8, 16, 6, 1, 2))
    with pytest.raises(ValueError, match="has 20 averaged parameters where this architecture has 30"):
        load_lightning(lightning_file(tmp_path / "a.ckpt", random_model(), short))
    (tmp_path / "a.ckpt").write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match="only the beginning"):
        load_lightning(tmp_path / "a.ckpt")


def test_attention_head_by_head_is_the_fused_one_to_rounding() -> None:
    """In bfloat16 each head goes alone; the fused kernel in float32 says what should come out."""
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 40, 16, dtype=torch.bfloat16) for _ in range(3))
    exact = F.scaled_dot_product_attention(q.float(), k.float(), v.float())
    assert attend(q.float(), k.float(), v.float()).equal(exact)
    assert (attend(q, k, v).float() - exact).abs().max() < 0.02
