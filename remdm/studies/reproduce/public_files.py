"""Small random checkpoints in the formats of the public ones, written name by name as those list them.

Nothing here uses this project's networks: a wrong name or shape there must not be able to hide here. Tests read these
files, and so does `reproduce --stand-in`.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


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


def mdlm_shapes(vocab: int, width: int = 32, cond: int = 8, blocks: int = 2, head: int = 16) -> Shapes:
    shapes: Shapes = {
        "vocab_embed.embedding": (vocab, width),
        "sigma_map.mlp.0.weight": (cond, 256),
        "sigma_map.mlp.0.bias": (cond,),
        "sigma_map.mlp.2.weight": (cond, cond),
        "sigma_map.mlp.2.bias": (cond,),
    }
    for i in range(blocks):
        block = {
            "norm1.weight": (width,), "attn_qkv.weight": (3 * width, width), "attn_out.weight": (width, width),
            "norm2.weight": (width,), "mlp.0.weight": (4 * width, width), "mlp.0.bias": (4 * width,),
            "mlp.2.weight": (width, 4 * width), "mlp.2.bias": (width,),
            "adaLN_modulation.weight": (6 * width, cond), "adaLN_modulation.bias": (6 * width,),
        }  # fmt: skip
        shapes |= {f"blocks.{i}.{name}": shape for name, shape in block.items()}
    return shapes | {
        "output_layer.norm_final.weight": (width,),
        "output_layer.linear.weight": (vocab, width),
        "output_layer.linear.bias": (vocab,),
        "output_layer.adaLN_modulation.weight": (2 * width, cond),
        "output_layer.adaLN_modulation.bias": (2 * width,),
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


def gpt2_shapes(vocab: int, width: int = 32, blocks: int = 2, positions: int = 1024) -> Shapes:
    """Of a GPT-2 as on the hub; its matrices stand on their side."""
    shapes: Shapes = {
        "wte.weight": (vocab, width), "wpe.weight": (positions, width), "ln_f.weight": (width,), "ln_f.bias": (width,),
    }  # fmt: skip
    for i in range(blocks):
        block = {
            "ln_1.weight": (width,), "ln_1.bias": (width,), "attn.c_attn.weight": (width, 3 * width),
            "attn.c_attn.bias": (3 * width,), "attn.c_proj.weight": (width, width), "attn.c_proj.bias": (width,),
            "ln_2.weight": (width,), "ln_2.bias": (width,), "mlp.c_fc.weight": (width, 4 * width),
            "mlp.c_fc.bias": (4 * width,), "mlp.c_proj.weight": (4 * width, width), "mlp.c_proj.bias": (width,),
        }  # fmt: skip
        shapes |= {f"h.{i}.{name}": shape for name, shape in block.items()}
    return shapes


def gpt2_folder(folder: Path) -> dict[str, Tensor]:
    """A folder as openai-community/gpt2-large; returns the tensors."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = bytes_tokenizer("<|endoftext|>")
    tokenizer.save(str(folder / "tokenizer.json"))
    state = filled(gpt2_shapes(tokenizer.get_vocab_size()))
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    end = tokenizer.token_to_id("<|endoftext|>")
    config = {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": tokenizer.get_vocab_size(),
        "n_embd": 32, "n_head": 2, "n_layer": 2, "n_positions": 1024, "n_ctx": 1024, "bos_token_id": end,
        "eos_token_id": end, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-05,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return state


# LLaDA


def llada_shapes(vocab: int, width: int = 32, feed: int = 48, blocks: int = 2, narrow: int = 32) -> Shapes:
    shapes: Shapes = {"wte.weight": (vocab, width), "ln_f.weight": (width,), "ff_out.weight": (vocab, width)}
    for i in range(blocks):
        block = {
            "attn_norm.weight": (width,), "ff_norm.weight": (width,), "q_proj.weight": (width, width),
            "k_proj.weight": (narrow, width), "v_proj.weight": (narrow, width), "attn_out.weight": (width, width),
            "ff_proj.weight": (feed, width), "up_proj.weight": (feed, width), "ff_out.weight": (width, feed),
        }  # fmt: skip
        shapes |= {f"blocks.{i}.{name}": shape for name, shape in block.items()}
    return {f"model.transformer.{name}": shape for name, shape in shapes.items()}


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
    shapes: Shapes = {
        "cls_emb.weight": (classes + 1, width), "tok_emb.weight": (codes + 1, width),
        "pos_emb.weight": (side * side, width), "reg_tokens.weight": (1, width),
    }  # fmt: skip
    for i in range(blocks):
        block = {
            "mlp.1.weight": (6 * width, width), "mlp.1.bias": (6 * width,), "ln1.weight": (width,),
            "attn.wq.weight": (inner, width), "attn.wk.weight": (inner, width), "attn.wv.weight": (inner, width),
            "attn.wo.weight": (width, inner), "ln2.weight": (width,), "ff.w1.weight": (feed, width),
            "ff.w2.weight": (width, feed), "ff.w3.weight": (feed, width),
        }  # fmt: skip
        shapes |= {f"transformer.layers.{i}.{name}": shape for name, shape in block.items()}
    return shapes | {
        "last_norm.norm_final.weight": (width,), "last_norm.norm_final.bias": (width,),
        "last_norm.mlp.1.weight": (2 * width, width), "last_norm.mlp.1.bias": (2 * width,),
        "head.bias": (codes + 1,),
    }  # fmt: skip


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
    shapes: Shapes = {"tok_emb.weight": (entries, width), "pos_emb": (1, side * side + 1, width)}
    for name, parts in (("first_layer", (0, 2, 4, 6)), ("last_layer", (0, 2, 4))):
        for place in parts:
            shapes[f"{name}.{place}.weight"] = (width, width) if place in (2, 6) else (width,)
            shapes[f"{name}.{place}.bias"] = (width,)
    for i in range(blocks):
        block = {
            "0.norm.weight": (width,), "0.norm.bias": (width,), "0.fn.mha.in_proj_weight": (3 * width, width),
            "0.fn.mha.in_proj_bias": (3 * width,), "0.fn.mha.out_proj.weight": (width, width),
            "0.fn.mha.out_proj.bias": (width,), "1.norm.weight": (width,), "1.norm.bias": (width,),
            "1.fn.net.0.weight": (feed, width), "1.fn.net.0.bias": (feed,), "1.fn.net.3.weight": (width, feed),
            "1.fn.net.3.bias": (width,),
        }  # fmt: skip
        shapes |= {f"transformer.layers.{i}.{name}": shape for name, shape in block.items()}
    shapes["bias"] = (side * side + 1, entries)
    state = filled(shapes, scale=0.2)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"iter": 7, "global_epoch": 1, "model_state_dict": state, "optimizer_state_dict": {}}, path)
    return state


def vq_shapes(taming: bool, codes: int, width: int, latent: int, channels: tuple[int, ...]) -> Shapes:
    """Of a decoder whose stages have these channels from the codes up; attention stands in the first stage alone."""
    top = len(channels) - 1

    def residual(prefix: str, inside: int, out: int) -> Shapes:
        shapes: Shapes = {
            f"{prefix}.norm1.weight": (inside,), f"{prefix}.norm1.bias": (inside,),
            f"{prefix}.conv1.weight": (out, inside, 3, 3), f"{prefix}.conv1.bias": (out,),
            f"{prefix}.norm2.weight": (out,), f"{prefix}.norm2.bias": (out,),
            f"{prefix}.conv2.weight": (out, out, 3, 3), f"{prefix}.conv2.bias": (out,),
        }  # fmt: skip
        if inside != out:
            shapes |= {f"{prefix}.nin_shortcut.weight": (out, inside, 1, 1), f"{prefix}.nin_shortcut.bias": (out,)}
        return shapes

    def attention(prefix: str, width: int) -> Shapes:
        shapes: Shapes = {f"{prefix}.norm.weight": (width,), f"{prefix}.norm.bias": (width,)}
        for part in ("q", "k", "v", "proj_out"):
            shapes |= {f"{prefix}.{part}.weight": (width, width, 1, 1), f"{prefix}.{part}.bias": (width,)}
        return shapes

    first, last = channels[0], channels[-1]
    names = ("block_1", "attn_1", "block_2") if taming else ("0", "1", "2")
    shapes: Shapes = {
        "quantize.embedding.weight": (codes, width),
        "post_quant_conv.weight": (latent, width, 1, 1), "post_quant_conv.bias": (latent,),
        "decoder.conv_in.weight": (first, latent, 3, 3), "decoder.conv_in.bias": (first,),
        **residual(f"decoder.mid.{names[0]}", first, first),
        **attention(f"decoder.mid.{names[1]}", first),
        **residual(f"decoder.mid.{names[2]}", first, first),
    }  # fmt: skip
    inside = first
    for stage, out in enumerate(channels):
        level = f"decoder.up.{top - stage}" if taming else f"decoder.conv_blocks.{stage}"
        for block in range(3):
            shapes |= residual(f"{level}.{'block' if taming else 'res'}.{block}", inside, out)
            if stage == 0:
                shapes |= attention(f"{level}.attn.{block}", out)
            inside = out
        if stage < top:
            shapes |= {f"{level}.upsample.conv.weight": (out, out, 3, 3), f"{level}.upsample.conv.bias": (out,)}
    return shapes | {
        "decoder.norm_out.weight": (last,), "decoder.norm_out.bias": (last,),
        "decoder.conv_out.weight": (3, last, 3, 3), "decoder.conv_out.bias": (3,),
    }  # fmt: skip


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
