"""Checks a story: every sentence against the grammar, all of them against each other and against the plot."""

from collections.abc import Iterator, Mapping, Sequence

from remdm.domains.text.checker import bindings, wording
from remdm.domains.text.checker.index import family, group
from remdm.domains.text.checker.order import Walk, follow
from remdm.domains.text.checker.reading import Edit, Fit, Piece, read
from remdm.domains.text.checker.report import ERROR, OK, OPEN, Error, Report, Span
from remdm.domains.text.checker.truth import chosen, mentions, truth

_OWN_KIND = ("count", "article", "pronoun", "object")


def _kind_of(edit: Edit) -> str:
    """A wrong word of the same kind as the right one is an error of that kind, else it is ungrammatical."""
    if edit.word is None or edit.part is None:
        return "ungrammatical"
    kind = group(edit.word)
    return kind if kind in _OWN_KIND and kind == group(family(edit.part)) else "ungrammatical"


def _places(edits: Sequence[Edit], piece: Piece) -> tuple[int, ...]:
    """The words to blame; for a missing word the one behind it, or the last one."""
    last = piece.stop - 1
    return tuple(dict.fromkeys(min(piece.start + edit.place, last) for edit in edits))


def _misfits(piece: Piece, fit: Fit | None, state: Mapping[str, str]) -> Iterator[Error]:
    """What is wrong with a sentence that no rule reads."""
    if fit is None:
        positions = tuple(range(piece.start, piece.stop))
        yield Error("ungrammatical", positions, "no sentence of this world reads like this", "")
        return
    wrong = [edit for edit in fit.edits if _kind_of(edit) == "ungrammatical"]
    for edit in fit.edits:
        if edit not in wrong:
            expected = wording.word_for(edit.part, state)
            yield Error(_kind_of(edit), _places([edit], piece), wording.misfit([edit.word], [expected]), expected)
    if wrong:
        expected = [wording.word_for(edit.part, state) for edit in wrong if edit.part]
        runs = [[edit.word for edit in wrong if edit.word], expected]
        message = wording.misfit(*runs) if _together(wrong) else wording.misfits(*runs)
        yield Error("ungrammatical", _places(wrong, piece), message, " ".join(expected))


def _together(edits: Sequence[Edit]) -> bool:
    return all(b.place - a.place <= 1 for a, b in zip(edits, edits[1:], strict=False))


def _disorder(pieces: Sequence[Piece], walk: Walk, state: Mapping[str, str]) -> Iterator[Error]:
    """Sentences at a wrong place, and events that are missing."""
    told = {walk.graph.events[node]: (place, node) for place, (node, _) in walk.told.items()}
    for place in walk.strays:
        piece = pieces[place]
        event = piece.fits[0].sentence.event
        positions = tuple(range(piece.start, piece.stop))
        before = [node for other, (node, _) in sorted(walk.told.items()) if other < place]
        nodes = walk.graph.nodes(event)
        if not nodes:
            message, expected = "this belongs to another story", ""
        elif event in told:
            message, expected = "this has been told already", ""
        elif any(walk.graph.ways[before[-1] if before else 0][node] is not None for node in nodes):
            message, expected = "this comes too early", "later"
        else:
            message, expected = "this comes too late", "earlier"
        yield Error("order", positions, message, expected)
    for place, events in walk.gaps:
        expected = wording.example(events[0], state)
        if place < len(pieces):
            yield Error(
                "order", (pieces[place].start,), f"before this something is missing, such as: {expected}", expected
            )
        elif not pieces[-1].cut:
            yield Error("ending", (pieces[-1].stop - 1,), f"the story is not over, it lacks: {expected}", expected)


def _errors(words: Sequence[str], pieces: Sequence[Piece], walk: Walk) -> tuple[list[Error], dict[str, str]]:
    fits = chosen(pieces, walk)
    said = mentions(words, pieces, fits, walk)
    values = truth(said)
    state = {role: next(iter(allowed)) for role, allowed in values.items() if len(allowed) == 1}
    found = bindings.exchanged(list(bindings.mismatches(said, values, state, fits)), said, state)
    found += [*bindings.unclear(said, fits, walk, state), *bindings.impossible(said, walk, state)]
    for piece, fit in zip(pieces, fits, strict=True):
        if piece.cut:
            found.append(Error("ending", (piece.stop - 1,), "the story breaks off here", "the rest of the sentence"))
        elif not piece.parsed and not piece.open:
            found += _misfits(piece, fit, state)
    found += _disorder(pieces, walk, state)
    return sorted(found, key=lambda error: (error.positions[0], error.kind)), state


def check(words: Sequence[str | None]) -> Report:
    """Checks one story, finished or not.

    Args:
        words: the words and punctuation marks of the story without special tokens, None for a masked position.

    Returns:
        its sentences and errors; positions count from the first word. A sentence with a masked position is open
        and has no errors; events count as missing only where nothing is masked.
    """
    words = tuple(words)
    if not words:
        return Report((), (), (), None, None, {}, False)
    complete = None not in words
    pieces = read(words)
    walk = follow(pieces, complete)
    errors, state = _errors(words, pieces, walk)
    return _report(words, pieces, walk, errors, state)


def _report(words: tuple, pieces: Sequence[Piece], walk: Walk, errors: list[Error], state: dict) -> Report:
    blamed = {position for error in errors for position in error.positions}
    fits = chosen(pieces, walk)
    spans = []
    for piece, fit in zip(pieces, fits, strict=True):
        wrong = not blamed.isdisjoint(range(piece.start, piece.stop))
        status = OPEN if piece.open else ERROR if wrong else OK
        spans.append(Span(piece.start, piece.stop, status, fit.sentence.event if fit else None, piece.parsed))
    plot = walk.graph.plot if walk.sure else None
    key = state.get(plot.key) if plot else None
    perfect = None not in words and not errors
    return Report(words, tuple(spans), tuple(errors), plot.name if plot else None, key, state, perfect)
