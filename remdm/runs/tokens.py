"""What a domain is shown of a state, and what its checker finds there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TokenView:
    """A state as a domain sees it.

    Attributes:
        ids: the token at each position, `[L]`.
        mask_id: the mask's id.
        words: how ids are printed, for text, whose vocabulary no domain knows; it may lack some.
    """

    ids: tuple[int, ...]
    mask_id: int
    words: Mapping[int, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def masked(self) -> int:
        """How many positions are masked."""
        return self.ids.count(self.mask_id)

    @property
    def printed(self) -> list[str | None]:
        """The bare word at each position, `[L]`: None where masked, empty for an id without a word."""
        return [None if token == self.mask_id else self.words.get(token, "").strip() for token in self.ids]

    def named(self, vocabulary: Sequence[str]) -> list[str | None]:
        """The same by a fixed vocabulary, in which a word's place is its id."""
        words = dict(enumerate(vocabulary))
        return [None if token == self.mask_id else words.get(token, "") for token in self.ids]


@dataclass(frozen=True)
class Issue:
    """Something wrong that a checker found: the positions to blame, its kind, and a plain sentence."""

    positions: tuple[int, ...]
    kind: str
    message: str
