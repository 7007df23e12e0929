"""The prose model begins from the embedded one, whatever its vocabulary, and leaves parts out only in training."""

import torch

from remdm.domains.text import train
from remdm.domains.text.prose import SPECIAL, wordpiece
from remdm.models.checkpoints import save_embedded
from remdm.models.encoder import Encoder, EncoderConfig

OLD = [*SPECIAL, "we", "met", "##t", "m", "##e"]
NEW = [*SPECIAL, "met", "me", "we", "wet"]


def network(entries, width=8):
    torch.manual_seed(len(entries))
    return Encoder(EncoderConfig(len(entries), length=6, width=width, depth=1, heads=2, inner=16))


def test_entries_keep_their_rows_and_new_ones_are_the_mean_of_their_pieces(tmp_path, monkeypatch):
    old, new = network(OLD), network(NEW)
    save_embedded(tmp_path / "prose", old, wordpiece(OLD), 0, {})
    monkeypatch.setattr(train, "ROOT", tmp_path)
    assert train._begin_from_embedded(new, NEW)
    row = old.embedding.weight
    wanted = [*row[:5], row[6], (row[8] + row[9]) / 2, row[5], (row[5] + row[7]) / 2]
    torch.testing.assert_close(new.embedding.weight, torch.stack(wanted), atol=1e-3, rtol=0)
    torch.testing.assert_close(new.layers.state_dict(), old.layers.state_dict(), atol=1e-3, rtol=0)


def test_a_network_of_another_shape_or_no_checkpoint_is_not_begun_from(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "ROOT", tmp_path)
    assert not train._begin_from_embedded(network(NEW), NEW)
    save_embedded(tmp_path / "prose", network(OLD, width=16), wordpiece(OLD), 0, {})
    assert not train._begin_from_embedded(network(NEW), NEW)


def test_parts_are_left_out_in_training_alone():
    one, tokens = network(NEW), torch.arange(6)[None]
    one.drop(0.5)
    with torch.no_grad():
        assert not torch.equal(one(tokens), one(tokens))
        one.eval()
        assert torch.equal(one(tokens), one(tokens))
