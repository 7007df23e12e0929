"""Checks every word in a slot against the truth of the story and against its neighbours."""

from collections.abc import Iterator, Mapping, Sequence

from remdm.domains.text.checker import wording
from remdm.domains.text.checker.order import Walk
from remdm.domains.text.checker.reading import Fit
from remdm.domains.text.checker.truth import PRONOUNS, Mention
from remdm.domains.text.storyworld.generator import pronoun_is_clear
from remdm.domains.text.storyworld.lexicon import DISTINCT, ROLES, article
from remdm.runs.tokens import Issue

_KINDS = {
    "hero": "name", "friend": "name", "grown": "name", "thing": "object", "thing2": "object", "colour": "colour",
    "colour2": "colour", "place": "place", "spot": "spot", "day": "day", "time": "time", "weather": "weather",
    "weather2": "weather", "animal": "object", "food": "object", "plant": "object", "feel": "feeling", "n": "count",
}  # fmt: skip
_OTHER = {"hero": "friend", "friend": "hero", "thing": "thing2", "thing2": "thing"}
_OWNING = ("owner", "swap", "enjoy")


def _kind(mention: Mention, event: str, truth: Mapping[str, frozenset[str]]) -> str:
    kind = _KINDS[mention.role]
    if mention.form in PRONOUNS:
        return "pronoun"
    if mention.form == "young" or mention.role == "animal" and not mention.right:
        return "young"
    if kind == "object" and mention.values & truth[mention.role]:
        return "count"
    swapped = mention.values & truth.get(_OTHER.get(mention.role, ""), frozenset())
    if swapped and (kind == "object" or kind == "name" and mention.form == "own" and event in _OWNING):
        return "owner"
    return kind


def _neighbour(mention: Mention, mentioned: Sequence[Mention], at: int) -> Mention | None:
    """The word that an article, a `was` or a noun's number has to agree with, in the same sentence."""
    if mention.form == "a" or mention.form == "were":
        near = mentioned[at + 1 : at + 2]
        return next((m for m in near if m.role == mention.role and m.piece == mention.piece), None)
    near = mentioned[max(0, at - 1) : at]
    return next((m for m in near if m.role == "n" and m.piece == mention.piece), None)


def _agrees(mention: Mention, other: Mention | None, state: Mapping[str, str]) -> tuple[bool, str]:
    """Whether a word agrees with its neighbour or, should that one be wrong, with the truth; what would."""
    if mention.form == "a":
        nouns = [other.word] if other else []
        nouns += [state[mention.role]] if mention.role in state else []
        right = [article(noun) for noun in nouns]
    elif mention.form == "were":
        right = ["was" if other.word == "one" else "were"] if other else []
        right += [ROLES["n"][state["n"]]["were"]] if "n" in state else []
    else:
        right = [_number(mention, other.word)] if other else []
        right += [wording.word_for(mention.part, state)] if "n" in state and mention.role in state else []
    return not right or mention.word in right, right[0] if right else ""


def _number(mention: Mention, count: str) -> str:
    value = next(iter(mention.values), None)
    return ROLES[mention.role][value]["name" if count == "one" else "pl"] if value else ""


def mismatches(
    mentioned: Sequence[Mention],
    truth: Mapping[str, frozenset[str]],
    state: Mapping[str, str],
    fits: Sequence[Fit | None],
) -> Iterator[Issue]:
    """The words that contradict the story or a neighbour."""
    for at, mention in enumerate(mentioned):
        fit = fits[mention.piece]
        assert fit is not None  # else nothing of it is mentioned
        agreeing, counted = mention.form in ("a", "were"), mention.form.startswith("#")
        if not agreeing and truth[mention.role]:
            if not (mention.values & truth[mention.role] and (counted or mention.right)):
                kind = _kind(mention, fit.sentence.event, truth)
                expected = wording.word_for(mention.part, state)
                yield Issue((mention.place,), kind, wording.mismatch(mention, kind, expected, state))
                continue
        if agreeing or counted:
            other = _neighbour(mention, mentioned, at)
            agrees, expected = _agrees(mention, other, state)
            if not agrees:
                kind = "article" if mention.form == "a" else "count"
                after = "the number" if kind == "count" else other.word if other else state[mention.role]
                yield Issue((mention.place,), kind, f"{mention.word} does not fit {after}, {expected} does")


def exchanged(issues: Sequence[Issue], mentioned: Sequence[Mention], state: Mapping[str, str]) -> list[Issue]:
    """One issue for two where a sentence has two values of the story the wrong way round."""
    by_place = {mention.place: mention for mention in mentioned}
    left: list[Issue] = []
    for issue in issues:
        now, before = by_place[issue.positions[0]], by_place[left[-1].positions[0]] if left else None
        other = _OTHER.get(now.role, "")
        if before and before.role == other and before.piece == now.piece:
            if (now.word, before.word) == (state.get(other), state.get(now.role)):
                message = f"{before.word} and {now.word} are the wrong way round"
                left[-1] = Issue(left[-1].positions + issue.positions, issue.kind, message)
                continue
        left.append(issue)
    return left


def unclear(
    mentioned: Sequence[Mention], fits: Sequence[Fit | None], walk: Walk, state: Mapping[str, str]
) -> Iterator[Issue]:
    """Pronoun subjects that could mean somebody else, or nobody yet."""
    for mention in mentioned:
        fit, before = fits[mention.piece], fits[mention.piece - 1] if mention.piece else None
        assert fit is not None
        person = fit.sentence.leans
        if mention.role != person or mention.form not in ("he", "He") or mention.piece in walk.strays:
            continue
        if mention.piece and (before is None or mention.piece - 1 in walk.strays):
            continue
        known = before is None or all(role in state for role in before.sentence.people)
        if person not in state or not known or mention.word not in wording.subject(state[person]):
            continue
        if not pronoun_is_clear(before.sentence if before else None, person, state):
            yield Issue((mention.place,), "pronoun", wording.unclear(mention.word, state[person]))


def impossible(mentioned: Sequence[Mention], walk: Walk, state: Mapping[str, str]) -> Iterator[Issue]:
    """Values that contradict nothing in the story, but the world: one name for two, a seed sown in snow."""
    first = {mention.role: mention for mention in reversed(mentioned) if mention.names}
    for role, other in DISTINCT.items():
        if role in first and role in state and state[role] == state.get(other):
            message = f"{state[role]} stands for two here, and they cannot be the same"
            yield Issue((first[role].place,), _KINDS[role], message)
    for role, allowed in walk.graph.plot.limits.items() if walk.sure else ():
        if role in first and role in state and state[role] not in allowed:
            yield Issue((first[role].place,), _KINDS[role], f"{first[role].word} does not suit this story")
