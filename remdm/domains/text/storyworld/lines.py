"""How a story lies on its positions: a line of 16 for each sentence, the rest of a line left blank.

Words that follow one another without gaps make one wrong length early on spoil everything behind it: no sentence fits
between two decoded words any more, and none of them is to blame. With lines a sentence is only held at its beginning
(docs/log.md has what that was worth). Blanks are `<pad>`, wherever they stand; they are not part of the text.
"""

from collections.abc import Sequence

WIDTH = 16
LINES = 10
LENGTH = WIDTH * LINES
BOS, EOS, PAD = "<bos>", "<eos>", "<pad>"
STOPS = frozenset(".!?")
_CLOSING = "”"
HEADING = "Chapter"
"""The word that begins a further chapter: it stands on the first line of the next `LENGTH` positions."""


def fits(sentences: Sequence[Sequence[str | None]], length: int = LENGTH) -> bool:
    """Whether a story has room, `<bos>` before and `<eos>` behind it included."""
    return len(_laid(sentences)) < length


def lay_out(sentences: Sequence[Sequence[str | None]], length: int = LENGTH) -> list[str | None]:
    """All positions of a story `[length]`: `<bos>`, each sentence from the next line on, `<eos>`, blanks.

    A word that is None (a blank of a prompt) keeps its place.

    Raises:
        ValueError: for a story that does not fit.
    """
    words = [*_laid(sentences), EOS]
    if len(words) > length:
        raise ValueError(f"the story takes {len(words)} positions, but there are {length}")
    return words + [PAD] * (length - len(words))


def _laid(sentences: Sequence[Sequence[str | None]]) -> list[str | None]:
    placed: list[str | None] = [BOS]
    for number, sentence in enumerate(sentences):
        if number:
            placed += [PAD] * (-len(placed) % (LENGTH if sentence[0] == HEADING else WIDTH))
        placed += sentence
    return placed


def sentences_of(words: Sequence[str | None]) -> list[list[str | None]]:
    """Words cut behind each stop that surely ends a sentence (one within direct speech has `”` behind it).

    None stands for a word that is not known; behind `!` and `?` it may yet be `”`.
    """
    found: list[list[str | None]] = [[]]
    for place, word in enumerate(words):
        found[-1].append(word)
        after = words[place + 1] if place + 1 < len(words) else ""
        if word in STOPS and after != _CLOSING and (word == "." or after is not None):
            found.append([])
    return [sentence for sentence in found if sentence]


def end_of(words: Sequence[str | None]) -> int:
    """Where the story ends: at its first `<eos>`, else behind its last position."""
    return words.index(EOS) if EOS in words else len(words)


def read_off(words: Sequence[str | None]) -> tuple[list[str | None], list[int]]:
    """The story's words without blanks, and the position of each.

    Args:
        words: what stands at all positions `[L]`, None where masked.

    Masked positions behind a line's last full stop will be blank, and are left out; any other run of them at the end
    of a line is one unknown word, for it may hide the rest of a sentence. Where such a line surely ends (its last
    position is blank), a stop is put behind that word, so that the next line is read by itself.
    """
    found: list[str | None] = []
    places: list[int] = []
    end = end_of(words)
    for begin in range(0, end, WIDTH):
        line = [(words[place], place) for place in range(max(1, begin), min(begin + WIDTH, end))]
        kept = [(word, place) for word, place in line if word not in (BOS, PAD)]
        while len(kept) > 1 and kept[-1][0] is None and kept[-2][0] in (None, "."):
            kept.pop()
        found += [word for word, _ in kept]
        places += [place for _, place in kept]
        if kept and kept[-1][0] is None and line[-1][0] == PAD:
            found.append(".")
            places.append(kept[-1][1])
    return found, places
