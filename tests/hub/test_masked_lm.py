"""Masked language models of transformers as denoisers: loaded from folders as the hub has them, no code run."""

import json
import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoModelForMaskedLM, ModernBertConfig, PreTrainedTokenizerFast, RobertaConfig

from remdm.domains.text.domain import DOMAIN
from remdm.hub import loading
from remdm.hub.loading import load
from remdm.models.checkpoints import CheckpointError
from remdm.models.network import compute
from remdm.runs.record import record
from remdm.runs.request import RunRequest
from remdm.sampling.methods import settings
from remdm.studies.reproduce.public_files import filled

PLAIN = replace(compute("cpu"), dtype=torch.float32)
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ",", "paris", "is", "the", "cap", "##ital", "of", "france")
WIDTH, HEADS, FEED, BLOCKS, VOCAB = 24, 2, 40, 2, 16
"""Two ids more than there are words, as published vocabularies are padded."""


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REMDM_CHECKPOINTS", raising=False)
    loading.MODEL_CACHE.empty()


def word_pieces():
    tokenizer = Tokenizer(models.WordPiece({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(list(WORDS[:5]))
    marks = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks)


def bert_folder(folder):
    """A folder as google-bert/bert-base-uncased; returns its tensors."""
    shapes = {
        "embeddings.word_embeddings.weight": (VOCAB, WIDTH), "embeddings.position_embeddings.weight": (32, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH), "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }  # fmt: skip
    for i in range(BLOCKS):
        for name, out, inside in (
            ("attention.self.query", WIDTH, WIDTH), ("attention.self.key", WIDTH, WIDTH),
            ("attention.self.value", WIDTH, WIDTH), ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", FEED, WIDTH), ("output.dense", WIDTH, FEED),
        ):  # fmt: skip
            shapes |= {f"encoder.layer.{i}.{name}.weight": (out, inside), f"encoder.layer.{i}.{name}.bias": (out,)}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"encoder.layer.{i}.{name}.{part}": (WIDTH,) for part in ("weight", "bias")}
    shapes = {f"bert.{name}": shape for name, shape in shapes.items()} | {
        "cls.predictions.bias": (VOCAB,),
        "cls.predictions.transform.dense.weight": (WIDTH, WIDTH), "cls.predictions.transform.dense.bias": (WIDTH,),
        "cls.predictions.transform.LayerNorm.weight": (WIDTH,), "cls.predictions.transform.LayerNorm.bias": (WIDTH,),
    }  # fmt: skip
    state = filled(shapes)
    word_pieces().save_pretrained(folder)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": VOCAB, "hidden_size": WIDTH,
        "num_hidden_layers": BLOCKS, "num_attention_heads": HEADS, "intermediate_size": FEED, "hidden_act": "gelu",
        "max_position_embeddings": 32, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return state


def literal_bert(state, ids):
    w = {name: value.double() for name, value in state.items()}
    size = WIDTH // HEADS

    def normed(row, name):
        return (row - row.mean()) / (row.var(unbiased=False) + 1e-12).sqrt() * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(row, name):
        return w[f"{name}.weight"] @ row + w[f"{name}.bias"]

    def gelu(row):
        return row * 0.5 * (1 + torch.erf(row / math.sqrt(2)))

    e = "bert.embeddings."
    x = [
        normed(
            w[f"{e}word_embeddings.weight"][token]
            + w[f"{e}position_embeddings.weight"][place]
            + w[f"{e}token_type_embeddings.weight"][0],
            f"{e}LayerNorm",
        )
        for place, token in enumerate(ids)
    ]
    for i in range(BLOCKS):
        p = f"bert.encoder.layer.{i}."
        q, k, v = (
            torch.stack([linear(row, f"{p}attention.self.{part}") for row in x]) for part in ("query", "key", "value")
        )
        mixed = torch.zeros(len(x), WIDTH, dtype=torch.double)
        for head in range(HEADS):
            cut = slice(head * size, (head + 1) * size)
            for place in range(len(x)):
                scores = (k[:, cut] @ q[place, cut] / math.sqrt(size)).exp()
                mixed[place, cut] = scores / scores.sum() @ v[:, cut]
        for place, row in enumerate(x):
            y = normed(row + linear(mixed[place], f"{p}attention.output.dense"), f"{p}attention.output.LayerNorm")
            fed = linear(gelu(linear(y, f"{p}intermediate.dense")), f"{p}output.dense")
            x[place] = normed(y + fed, f"{p}output.LayerNorm")
    h = "cls.predictions.transform."
    rows = [normed(gelu(linear(row, f"{h}dense")), f"{h}LayerNorm") for row in x]
    return torch.stack([w[f"{e}word_embeddings.weight"] @ row + w["cls.predictions.bias"] for row in rows])


def test_bert_from_its_files(tmp_path):
    state = bert_folder(tmp_path / "bert")
    network = load("bert", PLAIN).denoiser.network
    ids = [2, 7, 8, 4, 4, 12, 13, 3]
    ours, literal = network.hidden(torch.tensor([ids]))[0].double(), literal_bert(state, ids)
    torch.testing.assert_close(ours, literal, rtol=3e-5, atol=3e-5 * literal.abs().max().item())


def test_padding_is_not_seen(tmp_path):
    bert_folder(tmp_path / "bert")
    network = load("bert", PLAIN).denoiser.network
    short, long = torch.tensor([[2, 7, 4, 3]]), torch.tensor([[2, 7, 4, 3, 0, 0]])
    torch.testing.assert_close(network.hidden(long)[:, :4], network.hidden(short))


def test_neither_special_tokens_nor_ids_without_a_token_are_written(tmp_path):
    bert_folder(tmp_path / "bert")
    loaded = load("bert", PLAIN)
    tokens = torch.tensor([[2, 4, 4, 3]])
    x_theta = loaded.denoiser(tokens, tokens == loaded.mask_id, 0.5)
    assert (x_theta == -torch.inf).nonzero()[:, 1].tolist() == [0, 1, 2, 3, 4, 14, 15] * 2
    torch.testing.assert_close(x_theta.exp().sum(-1), torch.ones(2))


def test_a_prompt_is_framed_and_blanks_are_filled(tmp_path):
    bert_folder(tmp_path / "bert")
    model = DOMAIN.model("bert")

    def start(prompt, length=10):
        return [WORDS[token] for token in model.start(prompt, length, load("bert", PLAIN)).tolist()]

    assert start("Paris is the _ of _ .") == [
        "[CLS]", "paris", "is", "the", "[MASK]", "of", "[MASK]", ".", "[SEP]", "[PAD]"
    ]  # fmt: skip
    assert start("the capital ...") == ["[CLS]", "the", "cap", "##ital", *["[MASK]"] * 5, "[SEP]"]
    assert start("") == ["[CLS]", *["[MASK]"] * 8, "[SEP]"]
    trace = record(RunRequest(DOMAIN, model, "The capital of _2 is Paris.", 12, settings("remdm-conf", 8), 3))
    assert trace.text.startswith("the capital of ") and trace.text.endswith(" is paris.")
    assert trace.words[10] == " cap" and trace.words[11] == "ital" and trace.words[5] == "."


@pytest.mark.parametrize(
    "config",
    [
        RobertaConfig(vocab_size=14, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24,
                      max_position_embeddings=40, pad_token_id=0),
        ModernBertConfig(vocab_size=16, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                         intermediate_size=24, max_position_embeddings=40, pad_token_id=0, cls_token_id=2,
                         sep_token_id=3, bos_token_id=2, eos_token_id=3),
    ],
    ids=["roberta", "modernbert"],
)  # fmt: skip
def test_other_kinds_load_in_the_same_way(tmp_path, config):
    torch.manual_seed(0)
    model = AutoModelForMaskedLM.from_config(config).eval()
    model.save_pretrained(tmp_path / "it")
    word_pieces().save_pretrained(tmp_path / "it")
    loaded = load("it", PLAIN)
    tokens = torch.tensor([[2, 7, 4, 4, 9, 3]])
    with torch.inference_mode():
        expected = model(input_ids=tokens, attention_mask=torch.ones_like(tokens)).logits
    torch.testing.assert_close(loaded.denoiser.network.hidden(tokens), expected)
    assert loaded.mask_id == 4
    record(RunRequest(DOMAIN, DOMAIN.model("it"), "paris is ...", 16, settings("remdm-cap", 4), 0))


def test_a_model_without_its_head_is_refused_by_name(tmp_path):
    """transformers itself would only warn, and fill the head with noise."""
    bert_folder(tmp_path / "bert")
    state = load_file(tmp_path / "bert" / "model.safetensors")
    body = {name: value for name, value in state.items() if "transform" not in name}
    save_file(body, tmp_path / "bert" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks 4 weights of a masked language model, or has others: cls\.pred"):
        load("bert", PLAIN)


def test_code_beside_the_weights_is_never_run(tmp_path):
    bert_folder(tmp_path / "bert")
    config = json.loads((tmp_path / "bert" / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModelForMaskedLM": "own.Own"}}
    (tmp_path / "bert" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "bert" / "own.py").write_text(f"open({str(tmp_path / 'witness')!r}, 'w')", encoding="utf-8")
    with pytest.raises(CheckpointError, match="not a masked language model that transformers can load"):
        load("bert", PLAIN)
    assert not (tmp_path / "witness").exists()


def test_a_causal_model_is_refused(tmp_path):
    bert_folder(tmp_path / "gpt")
    config = json.loads((tmp_path / "gpt" / "config.json").read_text(encoding="utf-8")) | {"model_type": "gpt2"}
    (tmp_path / "gpt" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(CheckpointError, match="not a masked language model"):
        load("gpt", PLAIN)
