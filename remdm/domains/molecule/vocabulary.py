"""SMILES as tokens: what a token is, those of QM9, and the labels that stand before them. No chemistry."""

import re
from collections.abc import Sequence

import numpy as np
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

TOKEN = re.compile(r"\[[^\[\]]*\]|Br|Cl|%\d\d|.", re.DOTALL)
"""A SMILES token: an atom in brackets, a two-letter element, a two-digit ring bond, or one character."""
PROPERTIES = ("rings", "qed")
"""What a molecule is labelled with."""
LENGTH = 32
"""Positions of a sequence, labels not counted."""
SPECIALS = ("<mask>", "<bos>", "<eos>", "<pad>")
LABELS = tuple(f"<{name}:{value}>" for name in PROPERTIES for value in ("any", "low", "high"))
"""Label tokens; `high` is above the 90th percentile of QM9, `any` says nothing."""
SYMBOLS = (
    "#", "(", ")", "-", "1", "2", "3", "4", "5", "=", "C", "F", "N", "O", "[C-]", "[CH-]", "[N+]", "[N-]", "[NH+]",
    "[NH2+]", "[NH3+]", "[O-]", "[c-]", "[cH-]", "[n-]", "[nH+]", "[nH]", "c", "n", "o",
)  # fmt: skip
"""The SMILES tokens that occur in QM9."""
VOCABULARY = (*SPECIALS, *LABELS, *SYMBOLS)
"""A token's place is its id."""


def is_atom(token: str) -> bool:
    """Whether a SMILES token is an atom."""
    return token[0].isalpha() or token[0] == "["


def split(smiles: str) -> list[str]:
    """The tokens of a SMILES string, in order; joined, they are the string again."""
    return TOKEN.findall(smiles)


def smiles_tokenizer() -> Tokenizer:
    """One token an atom, bond, bracket or ring number; ids 0-3 are `<mask> <bos> <eos> <pad>`, then labels."""
    vocab = {word: place for place, word in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<mask>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(TOKEN.pattern), "isolated")
    tokenizer.add_special_tokens([*SPECIALS, *LABELS])
    return tokenizer


def encode(smiles: Sequence[str], tokenizer: Tokenizer) -> np.ndarray:
    """Token ids of whole molecules, uint8 `[n, 32]`.

    Raises:
        ValueError: for a molecule with an unknown token, or with more than 30.
    """
    vocab = tokenizer.get_vocab()
    rows = np.full((len(smiles), LENGTH), vocab["<pad>"], np.uint8)
    for row, text in zip(rows, smiles, strict=True):
        words = ["<bos>", *split(text), "<eos>"]
        unknown = [word for word in words if word not in vocab]
        if unknown or len(words) > LENGTH:
            raise ValueError(f"{text} has {'the unknown ' + unknown[0] if unknown else f'{len(words) - 2} tokens'}")
        row[: len(words)] = [vocab[word] for word in words]
    return rows
