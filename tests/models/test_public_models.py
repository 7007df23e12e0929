"""Each public family from files in its own format, against a slow literal forward pass written from the papers."""

import math

import pytest
import torch

from remdm.models.halton import load_halton
from remdm.models.llada import load_llada
from remdm.models.maskgit import load_maskgit
from remdm.models.vqgan import load_llamagen, load_taming
from remdm.studies.reproduce.public_files import halton_file, llada_folder, maskgit_file, vq_file


def close(ours, literal, places=3e-5):
    scale = literal.abs().max().item()
    assert scale > 0.01, "nothing to compare"
    torch.testing.assert_close(ours.double(), literal, rtol=places, atol=places * scale)


def doubled(state):
    return {name: value.double() for name, value in state.items()}


def softmax(scores):
    weights = (scores - scores.max()).exp()
    return weights / weights.sum()


def silu(x):
    return x / (1 + (-x).exp())


def rms(x, eps=1e-5):
    return x / (x.square().mean() + eps).sqrt()


def attention(queries, keys, values):
    """Plain softmax attention of one head, a query at a time."""
    width = queries.shape[1]
    return torch.stack([softmax(keys @ query / math.sqrt(width)) @ values for query in queries])


# LLaDA: a Llama without its causal mask


def turned(vector, place, theta=500_000.0):
    out, half = vector.clone(), len(vector) // 2
    for i in range(half):
        angle = place / theta ** (2 * i / len(vector))
        a, b = vector[i], vector[i + half]
        out[i], out[i + half] = a * math.cos(angle) - b * math.sin(angle), b * math.cos(angle) + a * math.sin(angle)
    return out


def literal_llada(state, ids, heads=4, kv_heads=4, blocks=2):
    w = {name.removeprefix("model.transformer."): value for name, value in doubled(state).items()}
    x, size = [w["wte.weight"][token] for token in ids], w["wte.weight"].shape[1] // heads
    for i in range(blocks):
        b = {name.removeprefix(f"blocks.{i}."): value for name, value in w.items() if name.startswith(f"blocks.{i}.")}
        y = [b["attn_norm.weight"] * rms(row) for row in x]
        q, k, v = ([b[f"{part}_proj.weight"] @ row for row in y] for part in "qkv")
        mixed = []
        for head in range(heads):
            shared = head // (heads // kv_heads)
            mine = slice(head * size, (head + 1) * size)
            theirs = slice(shared * size, (shared + 1) * size)
            queries = torch.stack([turned(row[mine], place) for place, row in enumerate(q)])
            keys = torch.stack([turned(row[theirs], place) for place, row in enumerate(k)])
            mixed.append(attention(queries, keys, torch.stack([row[theirs] for row in v])))
        mixed = torch.cat(mixed, dim=1)
        x = [row + b["attn_out.weight"] @ add for row, add in zip(x, mixed, strict=True)]
        for place, row in enumerate(x):
            y = b["ff_norm.weight"] * rms(row)
            x[place] = row + b["ff_out.weight"] @ (silu(b["ff_proj.weight"] @ y) * (b["up_proj.weight"] @ y))
    return torch.stack([w["ff_out.weight"] @ (w["ln_f.weight"] * rms(row)) for row in x])


@pytest.mark.parametrize("kv_heads", [4, 2])
def test_llada(tmp_path, kv_heads):
    state = llada_folder(tmp_path, kv_heads=kv_heads)
    model = load_llada(tmp_path)
    ids = torch.randint(260, (2, 5), generator=torch.Generator().manual_seed(3))
    for row, ours in zip(ids, model(ids), strict=True):
        close(ours, literal_llada(state, row.tolist(), kv_heads=kv_heads))


def test_llada_sees_to_the_right(tmp_path):
    llada_folder(tmp_path)
    model, ids = load_llada(tmp_path), torch.arange(6)[None]
    changed = ids.clone()
    changed[0, -1] = 50
    assert not torch.allclose(model(ids)[0, 0], model(changed)[0, 0])


def test_llada_with_tied_embeddings(tmp_path):
    state = llada_folder(tmp_path, weight_tying=True)
    state["model.transformer.ff_out.weight"] = state["model.transformer.wte.weight"]
    ids = torch.arange(5)[None]
    close(load_llada(tmp_path)(ids)[0], literal_llada(state, range(5)))


def test_llada_refuses_what_was_never_published(tmp_path):
    llada_folder(tmp_path, block_type="sequential")
    with pytest.raises(ValueError, match="block_type must be llama for LLaDA, got sequential"):
        load_llada(tmp_path)


# Halton-MaskGIT: a DiT of the class alone, with one register


def literal_halton(state, ids, label, heads, blocks=2):
    w = doubled(state)
    c = w["cls_emb.weight"][label]
    x = [w["tok_emb.weight"][token] + w["pos_emb.weight"][place] for place, token in enumerate(ids)]
    x.append(w["reg_tokens.weight"][0])
    width = len(c)
    size = width // heads
    for i in range(blocks):
        p = f"transformer.layers.{i}."
        mod = (w[p + "mlp.1.weight"] @ silu(c) + w[p + "mlp.1.bias"]).view(6, width)
        y = [w[p + "ln1.weight"] * rms(row) * (1 + mod[1]) + mod[0] for row in x]
        q, k = ([rms(w[f"{p}attn.w{part}.weight"] @ row) for row in y] for part in "qk")
        v = [w[p + "attn.wv.weight"] @ row for row in y]
        cut = [slice(head * size, (head + 1) * size) for head in range(heads)]
        mixed = torch.cat([attention(*(torch.stack([row[part] for row in z]) for z in (q, k, v))) for part in cut], 1)
        x = [row + mod[2] * (w[p + "attn.wo.weight"] @ add) for row, add in zip(x, mixed, strict=True)]
        for place, row in enumerate(x):
            y = w[p + "ln2.weight"] * rms(row) * (1 + mod[4]) + mod[3]
            fed = silu(w[p + "ff.w1.weight"] @ y) * (w[p + "ff.w3.weight"] @ y)
            x[place] = row + mod[5] * (w[p + "ff.w2.weight"] @ fed)
    shift, scale = (w["last_norm.mlp.1.weight"] @ silu(c) + w["last_norm.mlp.1.bias"]).view(2, width)
    out = []
    for row in x[:-1]:
        y = w["last_norm.norm_final.weight"] * rms(row) + w["last_norm.norm_final.bias"]
        out.append(w["tok_emb.weight"] @ (y * (1 + scale) + shift) + w["head.bias"])
    return torch.stack(out)


@pytest.mark.parametrize(("width", "heads"), [(128, 2), (512, 6)])
def test_halton(tmp_path, width, heads):
    """512 is the published small: 6 heads of 85, so 510 of the 512 channels are attended with."""
    state = halton_file(tmp_path / "ImageNet_256_small.pth", width, heads)
    model = load_halton(tmp_path / "ImageNet_256_small.pth")
    ids, labels = torch.randint(41, (2, 16), generator=torch.Generator().manual_seed(3)), torch.tensor([7, 1000])
    for row, label, ours in zip(ids, labels, model(ids, labels), strict=True):
        close(ours, literal_halton(state, row.tolist(), int(label), heads))
    assert (model.config.mask_id, model.config.null, model.config.heads) == (40, 1000, heads)


def test_halton_names_what_does_not_fit(tmp_path):
    file = tmp_path / "ImageNet_256_base.pth"
    halton_file(file)
    saved = torch.load(file)
    state = saved["model_state_dict"]
    extra = {"module._orig_mod.in_proj.weight": torch.zeros(2)}
    torch.save({"model_state_dict": state | extra}, file)
    with pytest.raises(ValueError, match=r"unexpected 1 of this architecture's tensors: in_proj.weight"):
        load_halton(file)
    torch.save({"model_state_dict": state | {"module._orig_mod.last_norm.norm_final.bias": torch.zeros(3)}}, file)
    with pytest.raises(ValueError, match=r"last_norm.norm_final.bias must have shape \[128\], got \[3\]"):
        load_halton(file)
    torch.save({"state_dict": state}, file)
    with pytest.raises(ValueError, match="has no model_state_dict"):
        load_halton(file)
    torch.save({"model_state_dict": {"tok_emb.weight": torch.zeros(2, 2)}}, file)
    with pytest.raises(ValueError, match="does not hold a Halton-MaskGIT"):
        load_halton(file)


# Maskgit-pytorch: a BERT with the class as last token


def layer_norm(x, weight, bias, eps):
    return (x - x.mean()) / (x.var(unbiased=False) + eps).sqrt() * weight + bias


def gelu(x):
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def literal_maskgit(state, ids, label, heads, codes=40, blocks=2):
    w = doubled(state)
    width, size = w["tok_emb.weight"].shape[1], w["tok_emb.weight"].shape[1] // heads

    def normed(x, name, eps):
        return [layer_norm(row, w[f"{name}.weight"], w[f"{name}.bias"], eps) for row in x]

    def linear(x, name):
        return [w[f"{name}.weight"] @ row + w[f"{name}.bias"] for row in x]

    x = [w["tok_emb.weight"][token] + w["pos_emb"][0, place] for place, token in enumerate([*ids, codes + 1 + label])]
    x = linear(normed(x, "first_layer.0", 1e-12), "first_layer.2")
    x = linear(normed([gelu(row) for row in x], "first_layer.4", 1e-12), "first_layer.6")
    for i in range(blocks):
        p = f"transformer.layers.{i}."
        y = normed(x, f"{p}0.norm", 1e-5)
        qkv = [w[f"{p}0.fn.mha.in_proj_weight"] @ row + w[f"{p}0.fn.mha.in_proj_bias"] for row in y]
        q, k, v = (torch.stack([row[part * width : (part + 1) * width] for row in qkv]) for part in range(3))
        cut = [slice(head * size, (head + 1) * size) for head in range(heads)]
        mixed = torch.cat([attention(q[:, part], k[:, part], v[:, part]) for part in cut], dim=1)
        x = [row + add for row, add in zip(x, linear(mixed, f"{p}0.fn.mha.out_proj"), strict=True)]
        y = [gelu(row) for row in linear(normed(x, f"{p}1.norm", 1e-5), f"{p}1.fn.net.0")]
        x = [row + add for row, add in zip(x, linear(y, f"{p}1.fn.net.3"), strict=True)]
    x = [gelu(row) for row in linear(normed(x, "last_layer.0", 1e-12), "last_layer.2")]
    x = normed(x, "last_layer.4", 1e-12)
    logits = [w["tok_emb.weight"] @ row + w["bias"][place] for place, row in enumerate(x)]
    return torch.stack(logits)[:-1, : codes + 1]


def test_maskgit(tmp_path):
    state = maskgit_file(tmp_path / "MaskGIT_ImageNet_256.pth")
    model = load_maskgit(tmp_path / "MaskGIT_ImageNet_256.pth", codes=40)
    ids, labels = torch.randint(41, (2, 16), generator=torch.Generator().manual_seed(3)), torch.tensor([7, 1000])
    for row, label, ours in zip(ids, labels, model(ids, labels), strict=True):
        close(ours, literal_maskgit(state, row.tolist(), int(label), heads=2))


def test_maskgit_head_on_rows_keeps_each_positions_own_bias(tmp_path):
    maskgit_file(tmp_path / "MaskGIT_ImageNet_256.pth")
    model = load_maskgit(tmp_path / "MaskGIT_ImageNet_256.pth", codes=40)
    ids, labels, rows = torch.zeros(2, 16, dtype=torch.long), torch.tensor([1, 2]), torch.zeros(2, 16).bool()
    rows[0, 11] = rows[1, 3] = True
    torch.testing.assert_close(model.head(model.hidden(ids, labels)[rows]), model(ids, labels)[rows])


# The decoders of the VQGANs


def group_norm(x, weight, bias):
    out = torch.empty_like(x)
    per = x.shape[0] // 32
    for group in range(32):
        part = x[group * per : (group + 1) * per]
        out[group * per : (group + 1) * per] = (part - part.mean()) / (part.var(unbiased=False) + 1e-6).sqrt()
    return out * weight[:, None, None] + bias[:, None, None]


def convolved(x, weight, bias):
    """A convolution as the sum over the offsets of its kernel."""
    reach = weight.shape[2] // 2
    height, width = x.shape[1:]
    padded = torch.zeros(x.shape[0], height + 2 * reach, width + 2 * reach, dtype=x.dtype)
    padded[:, reach : reach + height, reach : reach + width] = x
    out = bias[:, None, None].expand(-1, height, width).clone()
    for a in range(weight.shape[2]):
        for b in range(weight.shape[3]):
            out += torch.einsum("oi,ihw->ohw", weight[:, :, a, b], padded[:, a : a + height, b : b + width])
    return out


def literal_decoder(state, codes, taming, stages=2):
    w = doubled(state)

    def conv(x, name):
        return convolved(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x, name):
        return group_norm(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def residual(x, name):
        y = conv(silu(norm(x, f"{name}.norm1")), f"{name}.conv1")
        y = conv(silu(norm(y, f"{name}.norm2")), f"{name}.conv2")
        return y + (conv(x, f"{name}.nin_shortcut") if f"{name}.nin_shortcut.weight" in w else x)

    def attended(x, name):
        q, k, v = (conv(norm(x, f"{name}.norm"), f"{name}.{part}").flatten(1).T for part in "qkv")
        return x + conv(attention(q, k, v).T.reshape(x.shape), f"{name}.proj_out")

    vectors = w["quantize.embedding.weight"][codes]  # [h, w, D]
    if not taming:
        vectors = vectors / vectors.norm(dim=-1, keepdim=True)
    x = conv(conv(vectors.permute(2, 0, 1), "post_quant_conv"), "decoder.conv_in")
    first, middle, last = ("block_1", "attn_1", "block_2") if taming else "012"
    x = residual(x, f"decoder.mid.{first}")
    x = residual(attended(x, f"decoder.mid.{middle}"), f"decoder.mid.{last}")
    for stage in range(stages):
        level = f"decoder.up.{stages - 1 - stage}" if taming else f"decoder.conv_blocks.{stage}"
        for block in range(3):
            x = residual(x, f"{level}.{'block' if taming else 'res'}.{block}")
            if stage == 0:
                x = attended(x, f"{level}.attn.{block}")
        if stage < stages - 1:
            x = conv(x.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2), f"{level}.upsample.conv")
    return conv(silu(norm(x, "decoder.norm_out")), "decoder.conv_out")


@pytest.mark.parametrize(("taming", "load"), [(False, load_llamagen), (True, load_taming)])
def test_decoders(tmp_path, taming, load):
    state = vq_file(tmp_path / "vq.pt", taming)
    model = load(tmp_path / "vq.pt")
    codes = torch.randint(40, (2, 4, 4), generator=torch.Generator().manual_seed(3))
    for each, ours in zip(codes, model(codes), strict=True):
        close(ours, literal_decoder(state, each, taming))
    assert model.config.scale == 2
    pictures = model.pictures(codes)
    assert pictures.shape == (2, 8, 8, 3) and pictures.dtype == torch.uint8
    pixel = (model(codes)[1, 2, 3, 5].item() + 1) / 2 * 255
    assert abs(pictures[1, 3, 5, 2].item() - min(max(pixel, 0), 255)) <= 0.51
