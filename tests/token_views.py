"""States for checkers, written as words."""

from collections.abc import Sequence

from remdm.runs.tokens import TokenView


def named(words: Sequence[str | None], vocabulary: Sequence[str]) -> TokenView:
    """By a fixed vocabulary whose first word is the mask; a word that it lacks gets an id beyond it."""
    ids = {word: place for place, word in enumerate(vocabulary)}
    return TokenView(tuple(0 if word is None else ids.get(word, len(vocabulary)) for word in words), 0)


def printed(words: Sequence[str | None]) -> TokenView:
    """By the words themselves, as a trace of text has them: id k + 1 stands at position k."""
    ids = tuple(0 if word is None else place + 1 for place, word in enumerate(words))
    return TokenView(ids, 0, {place + 1: f" {word}" for place, word in enumerate(words)})
