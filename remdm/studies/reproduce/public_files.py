"""Small random checkpoints in the formats of the public ones, written name by name as those list them.

Nothing here uses this project's networks: a wrong name or shape there must not be able to hide here. Tests read these
files, and so does `reproduce --stand-in`.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


def layers(shapes: Mapping[str, tuple[int, ...]], bias: bool = False) -> Shapes:
    """The tensors of layers by the shapes of their weights; a bias has a number for each of a weight's rows."""
    return {
        f"{layer}.{part}": each
        for layer, shape in shapes.items()
        for part, each in (("weight", shape), *([("bias", shape[:1])] if bias else []))
    }


def repeated(prefix: str, count: int, block: Shapes) -> Shapes:
    """The tensors of so many blocks, numbered behind a prefix."""
    return {f"{prefix}{i}.{name}": shape for i in range(count) for name, shape in block.items()}


def filled(shapes: Shapes, seed: int = 0, scale: float = 0.3) -> dict[str, Tensor]:
    """Random tensors of these shapes; weights of norms lie around 1."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator) * scale
        state[name] = noise + 1 if "norm" in name and name.endswith("weight") or ".ln" in name else noise
    return state


def bytes_tokenizer(end: str, more: tuple[str, ...] = ()) -> Tokenizer:
    """A byte-level tokenizer of single bytes with an end mark, as GPT-2's is one with merges: 257 tokens and more."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: place for place, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([end, *more])
    return tokenizer


# MDLM


def mdlm_shapes(vocab: int, width: int = 32, cond: int = 8, blocks: int = 2) -> Shapes:
    feed = 4 * width
    block = {
        **layers({"norm1": (width,), "attn_qkv": (3 * width, width), "attn_out": (width, width), "norm2": (width,)}),
        **layers({"mlp.0": (feed, width), "mlp.2": (width, feed), "adaLN_modulation": (6 * width, cond)}, True),
    }
    return {
        "vocab_embed.embedding": (vocab, width),
        **layers({"sigma_map.mlp.0": (cond, 256), "sigma_map.mlp.2": (cond, cond)}, True),
        **repeated("blocks.", blocks, block),
        **layers({"output_layer.norm_final": (width,)}),
        **layers({"output_layer.linear": (vocab, width), "output_layer.adaLN_modulation": (2 * width, cond)}, True),
    }


def mdlm_folder(folder: Path, vocab: int = 258, length: int = 64) -> dict[str, Tensor]:
    """A folder as kuleshov-group/mdlm-owt, and a tokenizer; returns the tensors without their prefix."""
    folder.mkdir(parents=True, exist_ok=True)
    state = filled(mdlm_shapes(vocab))
    frequency = 1.0 / 10_000 ** (torch.arange(0, 16, 2).float() / 16)
    written = {f"backbone.{name}": value for name, value in state.items()} | {"backbone.rotary_emb.inv_freq": frequency}
    save_file(written, folder / "model.safetensors")
    config = {
        "model_type": "mdlm", "architectures": ["MDLM"], "vocab_size": vocab, "model_length": length, "hidden_dim": 32,
        "cond_dim": 8, "n_blocks": 2, "n_heads": 2, "dropout": 0.1, "time_conditioning": False, "return_dict": False,
        "auto_map": {"AutoModelForMaskedLM": "modeling_mdlm.MDLM"}, "torch_dtype": "float32",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    bytes_tokenizer("<|endoftext|>").save(str(folder / "tokenizer.json"))
    return state


# GPT-2


def gpt2_folder(folder: Path) -> None:
    """A folder as openai-community/gpt2-large, written by transformers."""
    from transformers import GPT2Config, GPT2Model  # takes seconds to import

    tokenizer = bytes_tokenizer("<|endoftext|>")
    end = tokenizer.token_to_id("<|endoftext|>")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = GPT2Config(vocab_size=tokenizer.get_vocab_size(), n_embd=32, n_head=2, n_layer=2, n_positions=1024,
                            bos_token_id=end, eos_token_id=end, initializer_range=0.3)  # fmt: skip
        GPT2Model(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))


# LLaDA


def llada_shapes(vocab: int, width: int = 32, feed: int = 48, blocks: int = 2, narrow: int = 32) -> Shapes:
    block = {
        "attn_norm": (width,), "ff_norm": (width,), "q_proj": (width, width), "k_proj": (narrow, width),
        "v_proj": (narrow, width), "attn_out": (width, width), "ff_proj": (feed, width), "up_proj": (feed, width),
        "ff_out": (width, feed),
    }  # fmt: skip
    whole = {"wte": (vocab, width), "ln_f": (width,), "ff_out": (vocab, width), **repeated("blocks.", blocks, block)}
    return {f"model.transformer.{name}": shape for name, shape in layers(whole).items()}


def llada_folder(
    folder: Path, kv_heads: int = 4, shards: int = 2, chat: bool = False, **changes: object
) -> dict[str, Tensor]:
    """A folder as GSAI-ML/LLaDA-8B-Instruct, in shards with an index, `chat`: with a chat template; its tensors."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = bytes_tokenizer(
        "<|endoftext|>",
        ("<|startoftext|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|mdm_mask|>"),
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    template = "{{ bos_token }}<|start_header_id|>{{ messages[0]['role'] }}<|end_header_id|>" if chat else None
    named = {"bos_token": "<|startoftext|>", **({"chat_template": template} if chat else {})}
    (folder / "tokenizer_config.json").write_text(json.dumps(named), encoding="utf-8")
    vocab = tokenizer.get_vocab_size() + 2
    state = filled(llada_shapes(vocab, narrow=8 * kv_heads))
    names = sorted(state)
    index: dict[str, str] = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: state[name] for name in names[shard::shards]}
        save_file(part, folder / file)
        index |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": index}), encoding="utf-8"
    )
    config = {
        "model_type": "llada", "architectures": ["LLaDAModelLM"], "d_model": 32, "n_heads": 4, "n_kv_heads": kv_heads,
        "n_layers": 2, "mlp_hidden_size": 48, "vocab_size": vocab, "embedding_size": vocab, "max_sequence_length": 128,
        "rope_theta": 500000.0, "rope": True, "rms_norm_eps": 1e-05, "layer_norm_type": "rms", "block_type": "llama",
        "activation_type": "silu", "weight_tying": False, "attention_layer_norm": False, "include_bias": False,
        "include_qkv_bias": False, "mask_token_id": tokenizer.token_to_id("<|mdm_mask|>"),
        "eos_token_id": tokenizer.token_to_id("<|endoftext|>"), "pad_token_id": tokenizer.token_to_id("<|endoftext|>"),
        "auto_map": {"AutoModel": "modeling_llada.LLaDAModelLM"},
    } | changes  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return state


# Pictures


def halton_shapes(width: int, heads: int, codes: int, side: int, classes: int, blocks: int = 2) -> Shapes:
    inner, feed = heads * (width // heads), 256 * -(-int(2 * 4 * width / 3) // 256)
    block = {
        **layers({"mlp.1": (6 * width, width)}, True),
        **layers({
            "ln1": (width,), "attn.wq": (inner, width), "attn.wk": (inner, width), "attn.wv": (inner, width),
            "attn.wo": (width, inner), "ln2": (width,), "ff.w1": (feed, width), "ff.w2": (width, feed),
            "ff.w3": (feed, width),
        }),
    }  # fmt: skip
    embedded = {
        "cls_emb": (classes + 1, width), "tok_emb": (codes + 1, width), "pos_emb": (side * side, width),
        "reg_tokens": (1, width),
    }  # fmt: skip
    return {
        **layers(embedded),
        **repeated("transformer.layers.", blocks, block),
        **layers({"last_norm.norm_final": (width,), "last_norm.mlp.1": (2 * width, width)}, True),
        "head.bias": (codes + 1,),
    }


def halton_file(
    path: Path, width: int = 128, heads: int = 2, codes: int = 40, side: int = 4, classes: int = 1000
) -> dict[str, Tensor]:
    """A file as ImageNet_256_base.pth, saved from a compiled network on many GPUs; returns the plain tensors."""
    state = filled(halton_shapes(width, heads, codes, side, classes), scale=0.1)
    state["head.weight"] = state["tok_emb.weight"]
    saved = {f"module._orig_mod.{name}": value for name, value in state.items()}
    torch.save({"iter": 7, "global_epoch": 1, "model_state_dict": saved, "optimizer_state_dict": {"state": {}}}, path)
    return state


def maskgit_file(
    path: Path, width: int = 96, codes: int = 40, side: int = 4, classes: int = 1000, blocks: int = 2
) -> dict[str, Tensor]:
    """A file as MaskGIT_ImageNet_256.pth; returns the tensors."""
    entries, feed = codes + 1 + classes + 1, 4 * width
    outer = {
        f"{name}.{place}": (width, width) if place in (2, 6) else (width,)
        for name, places in (("first_layer", (0, 2, 4, 6)), ("last_layer", (0, 2, 4)))
        for place in places
    }
    block = {
        **layers({"0.norm": (width,)}, True),
        "0.fn.mha.in_proj_weight": (3 * width, width), "0.fn.mha.in_proj_bias": (3 * width,),
        **layers({
            "0.fn.mha.out_proj": (width, width), "1.norm": (width,), "1.fn.net.0": (feed, width),
            "1.fn.net.3": (width, feed),
        }, True),
    }  # fmt: skip
    shapes = {
        "tok_emb.weight": (entries, width),
        "pos_emb": (1, side * side + 1, width),
        **layers(outer, True),
        **repeated("transformer.layers.", blocks, block),
        "bias": (side * side + 1, entries),
    }
    state = filled(shapes, scale=0.2)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"iter": 7, "global_epoch": 1, "model_state_dict": state, "optimizer_state_dict": {}}, path)
    return state


def vq_shapes(taming: bool, codes: int, width: int, latent: int, channels: tuple[int, ...]) -> Shapes:
    """Of a decoder whose stages have these channels from the codes up; attention stands in the first stage alone."""
    top = len(channels) - 1

    def residual(prefix: str, inside: int, out: int) -> Shapes:
        shapes: Shapes = {"norm1": (inside,), "conv1": (out, inside, 3, 3), "norm2": (out,), "conv2": (out, out, 3, 3)}
        if inside != out:
            shapes["nin_shortcut"] = (out, inside, 1, 1)
        return {f"{prefix}.{name}": shape for name, shape in shapes.items()}

    def attention(prefix: str, width: int) -> Shapes:
        square = (width, width, 1, 1)
        return {f"{prefix}.norm": (width,), **{f"{prefix}.{part}": square for part in ("q", "k", "v", "proj_out")}}

    first, last = channels[0], channels[-1]
    names = ("block_1", "attn_1", "block_2") if taming else ("0", "1", "2")
    shapes: Shapes = {
        "post_quant_conv": (latent, width, 1, 1),
        "decoder.conv_in": (first, latent, 3, 3),
        **residual(f"decoder.mid.{names[0]}", first, first),
        **attention(f"decoder.mid.{names[1]}", first),
        **residual(f"decoder.mid.{names[2]}", first, first),
    }
    inside = first
    for stage, out in enumerate(channels):
        level = f"decoder.up.{top - stage}" if taming else f"decoder.conv_blocks.{stage}"
        for block in range(3):
            shapes |= residual(f"{level}.{'block' if taming else 'res'}.{block}", inside, out)
            if stage == 0:
                shapes |= attention(f"{level}.attn.{block}", out)
            inside = out
        if stage < top:
            shapes[f"{level}.upsample.conv"] = (out, out, 3, 3)
    shapes |= {"decoder.norm_out": (last,), "decoder.conv_out": (3, last, 3, 3)}
    return layers({"quantize.embedding": (codes, width)}) | layers(shapes, True)


def vq_file(path: Path, taming: bool, codes: int = 40) -> dict[str, Tensor]:
    """A file as vq_ds16_c2i.pt or as a taming last.ckpt, with what training alone needs; returns the decoder's."""
    state = filled(vq_shapes(taming, codes, 8, 16, (64, 32)), scale=0.2)
    more = {"encoder.conv_in.weight": torch.zeros(2), "quant_conv.bias": torch.zeros(2)}
    path.parent.mkdir(parents=True, exist_ok=True)
    if taming:
        torch.save({"epoch": 3, "state_dict": state | more | {"loss.logvar": torch.zeros(1)}}, path)
    else:
        torch.save({"model": state | more | {"quantize.codebook_used": torch.zeros(9)}, "steps": 1}, path)
    return state
