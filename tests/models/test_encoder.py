"""The encoder against transformers' own BERT, and weights in 8 bits."""

import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

from remdm.models.encoder import Encoder, EncoderConfig
from remdm.models.weights import load_weights, save_weights

SHAPE = EncoderConfig(vocab_size=20, length=12, width=16, depth=2, heads=4, inner=32)


def test_begins_as_the_bert_whose_weights_it_takes():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32,
        max_position_embeddings=24,
    )  # fmt: skip
    bert = BertModel(config, add_pooling_layer=False).eval()
    entries = torch.randperm(30)[:20]
    network = Encoder(SHAPE).eval()
    network.begin_from_bert(bert.state_dict(), entries)
    tokens = torch.randint(20, (3, 12))
    with torch.no_grad():
        torch.testing.assert_close(network.hidden(tokens), bert(entries[tokens]).last_hidden_state)


def test_head_is_tied_to_the_embeddings():
    torch.manual_seed(0)
    network = Encoder(SHAPE)
    logits = network(torch.randint(20, (2, 7)))
    assert logits.shape == (2, 7, 20)
    logits.sum().backward()
    assert network.embedding.weight.grad[5].abs().sum() > 0  # by the head, whether or not 5 was read


def test_matrices_of_8_bits_are_off_by_half_a_level_at_most(tmp_path):
    torch.manual_seed(0)
    network = Encoder(SHAPE)
    torch.nn.init.zeros_(network.position.weight)
    save_weights(network, tmp_path / "small.safetensors", torch.int8)
    save_weights(network, tmp_path / "half.safetensors")
    found = load_weights(tmp_path / "small.safetensors")
    assert found.keys() == network.state_dict().keys() == load_weights(tmp_path / "half.safetensors").keys()
    for name, weight in network.state_dict().items():
        level = weight.abs().amax(1, keepdim=True) / 127 if weight.ndim == 2 else 2**-10 * weight.abs()
        assert ((found[name] - weight).abs() <= 0.501 * level + 1e-7).all(), name
    small = load_file(tmp_path / "small.safetensors")
    assert {small[name].dtype for name, weight in network.state_dict().items() if weight.ndim == 2} == {torch.int8}
