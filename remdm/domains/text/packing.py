"""Blocks of prose from sentences that lie one after the other, so that each can be the first of a block.

A block is `<bos>`, whole sentences, `<eos>`, then `<pad>`; it never crosses from one document into another. MDLM packs
blind, cutting sentences at both ends; on a window of 128 that would spoil two sentences of five, and a sample that
starts and ends like a text is easier to judge. In training a block begins with any sentence, so that a small
collection is seen at many offsets; held-out blocks have each sentence once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

MASK, BOS, EOS, PAD = range(4)


@dataclass(frozen=True)
class Packed:
    """Documents as runs of sentences.

    Attributes:
        ids: token ids of all sentences, uint16 `[T]`.
        sizes: tokens of each sentence, those that fit into no block cut into parts that do, uint8 `[S]`.
        documents: sentences of each document, int32 `[D]`.
        registers: number of each document's register, uint8 `[D]`.
        length: tokens of a block.
    """

    ids: np.ndarray
    sizes: np.ndarray
    documents: np.ndarray
    registers: np.ndarray
    length: int

    @classmethod
    def of(cls, documents: Sequence[list[list[int]]], registers: Sequence[int], length: int) -> "Packed":
        """The token ids of each document's sentences, and its register."""
        room = length - 2
        parts = [[s[at : at + room] for s in document for at in range(0, len(s), room)] for document in documents]
        flat = [part for document in parts for part in document]
        return cls(
            np.array([token for part in flat for token in part], np.uint16),
            np.array([len(part) for part in flat], np.uint8),
            np.array([len(document) for document in parts], np.int32),
            np.array(registers, np.uint8),
            length,
        )

    @cached_property
    def places(self) -> np.ndarray:
        """Where each sentence begins in `ids`, and where the last one ends, int64 `[S + 1]`."""
        return np.concatenate(([0], np.cumsum(self.sizes, dtype=np.int64)))

    @cached_property
    def stops(self) -> np.ndarray:
        """The sentence behind the block that begins with each sentence, int64 `[S]`."""
        full = np.searchsorted(self.places, self.places[:-1] + self.length - 2, side="right") - 1
        return np.minimum(full, np.repeat(np.cumsum(self.documents), self.documents))

    def overlapping(self) -> np.ndarray:
        """The first sentence of each block, up to the first block that reaches its document's end, int64 `[N]`."""
        ends = np.repeat(np.cumsum(self.documents), self.documents)
        begins = np.repeat(np.cumsum(self.documents) - self.documents, self.documents)
        number = np.arange(len(self.sizes))
        reached = np.concatenate(([False], (self.stops == ends)[:-1]))
        return number[~reached | (number == begins)]

    def consecutive(self) -> np.ndarray:
        """The first sentences of blocks that have each sentence once, int64 `[N]`."""
        found, at = [], 0
        while at < len(self.sizes):
            found.append(at)
            at = int(self.stops[at])
        return np.array(found, np.int64)

    def register(self, first: np.ndarray) -> np.ndarray:
        """The register of the block that begins with each of these sentences."""
        return np.repeat(self.registers, self.documents)[first]

    def blocks(self, first: np.ndarray) -> np.ndarray:
        """The blocks that begin with these sentences, int64 `[N, length]`."""
        begins = self.places[first]
        sizes = self.places[self.stops[first]] - begins
        column = np.arange(self.length - 2)
        inside = column < sizes[:, None]
        rows = np.full((len(first), self.length), PAD, np.int64)
        rows[:, 0] = BOS
        rows[:, 1:-1][inside] = self.ids[(begins[:, None] + column)[inside]]
        rows[np.arange(len(first)), 1 + sizes] = EOS
        return rows
