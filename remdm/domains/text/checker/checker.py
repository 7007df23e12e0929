"""Checks a story: every sentence against the grammar, all of them against each other and against the plot."""

from collections.abc import Iterator, Mapping, Sequence

from remdm.domains.text.checker import bindings, wording
from remdm.domains.text.checker.index import family, group
from remdm.domains.text.checker.order import Walk, follow
from remdm.domains.text.checker.reading import Edit, Fit, Piece, read
from remdm.domains.text.checker.report import ERROR, OK, OPEN, Report, Span
from remdm.domains.text.checker.truth import chosen, mentions, truth
from remdm.domains.text.storyworld.worlds import STORIES, World
from remdm.runs.tokens import Issue

_OWN_KIND = ("count", "article", "pronoun", "object")


def _kind_of(edit: Edit) -> str:
    """A wrong word of the same kind as the right one is an issue of that kind, else it is ungrammatical."""
    if edit.word is None or edit.part is None:
        return "ungrammatical"
    kind = group(edit.word)
    return kind if kind in _OWN_KIND and kind == group(family(edit.part)) else "ungrammatical"


def _places(edits: Sequence[Edit], piece: Piece) -> tuple[int, ...]:
    """The words to blame; for a missing word the one behind it, or the last one."""
    last = piece.stop - 1
    return tuple(dict.fromkeys(min(piece.start + edit.place, last) for edit in edits))


def _misfits(piece: Piece, fit: Fit | None, state: Mapping[str, str]) -> Iterator[Issue]:
    """What is wrong with a sentence that no rule reads."""
    if fit is None:
        positions = tuple(range(piece.start, piece.stop))
        yield Issue(positions, "ungrammatical", "no sentence of this world reads like this")
        return
    wrong = [edit for edit in fit.edits if _kind_of(edit) == "ungrammatical"]
    for edit in fit.edits:
        if edit not in wrong:
            message = wording.misfit(*_words([edit], state))
            yield Issue(_places([edit], piece), _kind_of(edit), message)
    if wrong:
        about = wording.misfit if _together(wrong) else wording.misfits
        yield Issue(_places(wrong, piece), "ungrammatical", about(*_words(wrong, state)))


def _words(edits: Sequence[Edit], state: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The words that do not fit, and those expected in their place."""
    expected = [wording.word_for(edit.part, state) for edit in edits if edit.part]
    return [edit.word for edit in edits if edit.word], expected


def _together(edits: Sequence[Edit]) -> bool:
    return all(b.place - a.place <= 1 for a, b in zip(edits, edits[1:], strict=False))


def _disorder(pieces: Sequence[Piece], walk: Walk, state: Mapping[str, str], world: World) -> Iterator[Issue]:
    """Sentences at a wrong place, and events that are missing."""
    events = {walk.graph.events[node] for node, _ in walk.placed.values()}
    for place in walk.strays:
        piece = pieces[place]
        event = piece.fits[0].sentence.event
        positions = tuple(range(piece.start, piece.stop))
        before = [node for other, (node, _) in sorted(walk.placed.items()) if other < place]
        nodes = walk.graph.nodes(event)
        if not nodes:
            message = "this belongs to another story"
        elif event in events:
            message = "this has been told already"
        elif any(walk.graph.ways[before[-1] if before else 0][node] is not None for node in nodes):
            message = "this comes too early"
        else:
            message = "this comes too late"
        yield Issue(positions, "order", message)
    for place, missing in walk.gaps:
        expected = wording.example(missing[0], state, world)
        if place < len(pieces):
            message = f"before this something is missing, such as: {expected}"
            yield Issue((pieces[place].start,), "order", message)
        elif not pieces[-1].cut:
            yield Issue((pieces[-1].stop - 1,), "ending", f"the story is not over, it lacks: {expected}")


def _issues(
    words: Sequence[str | None], pieces: Sequence[Piece], walk: Walk, world: World
) -> tuple[list[Issue], dict[str, str]]:
    fits = chosen(pieces, walk)
    mentioned = list(mentions(words, pieces, fits, walk))
    values = truth(mentioned)
    state = {role: next(iter(allowed)) for role, allowed in values.items() if len(allowed) == 1}
    found = bindings.exchanged(list(bindings.mismatches(mentioned, values, state, fits)), mentioned, state)
    found += [*bindings.unclear(mentioned, fits, walk, state), *bindings.impossible(mentioned, walk, state)]
    for piece, fit in zip(pieces, fits, strict=True):
        if piece.cut:
            found.append(Issue((piece.stop - 1,), "ending", "the story breaks off here"))
        elif not piece.parsed and not piece.open:
            found += _misfits(piece, fit, state)
    found += _disorder(pieces, walk, state, world)
    return sorted(found, key=lambda issue: (issue.positions[0], issue.kind)), state


def check(words: Sequence[str | None], world: World = STORIES) -> Report:
    """Checks one story, finished or not.

    Args:
        words: the words and punctuation marks of the story without special tokens, None for a masked position.
        world: where the story comes from.

    Returns:
        its sentences and issues; positions count from the first word. A sentence with a masked position is open
        and has no issues; events count as missing only where nothing is masked.
    """
    words = tuple(words)
    if not words:
        return Report((), (), None, None, {}, False)
    complete = None not in words
    pieces = read(words, world)
    walk = follow(pieces, complete, world)
    issues, state = _issues(words, pieces, walk, world)
    blamed = {position for issue in issues for position in issue.positions}
    fits = chosen(pieces, walk)
    spans = []
    for piece, fit in zip(pieces, fits, strict=True):
        wrong = not blamed.isdisjoint(range(piece.start, piece.stop))
        status = OPEN if piece.open else ERROR if wrong else OK
        spans.append(Span(piece.start, piece.stop, status, fit.sentence.event if fit else None, piece.parsed))
    plot = walk.graph.plot if walk.sure else None
    key = state.get(plot.key) if plot else None
    return Report(tuple(spans), tuple(issues), plot.name if plot else None, key, state, complete and not issues)
