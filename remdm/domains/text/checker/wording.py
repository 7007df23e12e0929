"""The checker's sentences: every message about an error, in plain words."""

from collections.abc import Mapping, Sequence

from remdm.domains.text.checker.truth import PRONOUNS, Mention
from remdm.domains.text.storyworld import text
from remdm.domains.text.storyworld.grammar import is_slot, slot
from remdm.domains.text.storyworld.lexicon import ROLES, article
from remdm.domains.text.storyworld.worlds import World

_NOUNS = {
    "hero": "name", "friend": "name", "grown": "grown-up's name", "thing": "thing", "thing2": "thing",
    "colour": "colour", "colour2": "colour", "place": "place", "spot": "place to hide", "day": "day",
    "time": "time of day", "weather": "kind of weather", "weather2": "kind of weather",
    "animal": "animal", "food": "food", "plant": "plant",
    "feel": "feeling", "n": "number",
}  # fmt: skip
_TAGS = {
    "weather": "the weather is",
    "weather2": "the weather is",
    "time": "it is",
    "day": "the day is",
    "feel": "the feeling is",
}


def word_for(part: str, state: Mapping[str, str]) -> str:
    """The word that belongs in a part of a sentence; what kind of word, where the story does not say."""
    if not is_slot(part):
        return part
    role, form = slot(part)
    if role not in state:
        return "a pronoun" if form in PRONOUNS else "a or an" if form == "a" else f"a {_NOUNS[role]}"
    forms = ROLES[role][state[role]]
    if form.startswith("#"):
        one = form == "#less" and "n" in state and ROLES["n"][state["n"]]["less"] == "one"
        return forms["name" if one else "pl"]
    return forms[form]


def example(event: str, state: Mapping[str, str], world: World) -> str:
    """A sentence that would tell the event in this story: the paraphrase with fewest words not known yet."""
    options = [sentence.parts for paraphrase in world.paraphrases[event] for sentence in paraphrase.named]

    def unknown(part: str) -> bool:
        return is_slot(part) and slot(part)[0] not in state

    best = min(options, key=lambda parts: sum(map(unknown, parts)))
    return text(["…" if unknown(part) else word_for(part, state) for part in best])


def misfit(wrong: Sequence[str], right: Sequence[str]) -> str:
    if not wrong:
        return f"{text(right)} is missing here"
    if not right:
        return f"{text(wrong)} does not belong here"
    return f"{text(wrong)} does not fit here, expected {text(right)}"


def misfits(wrong: Sequence[str], right: Sequence[str]) -> str:
    """About words here and there in a sentence that the grammar does not allow."""
    if len(wrong) > 1:
        return f"{', '.join(wrong)} do not fit here, expected {', '.join(right)}"
    return misfit(wrong, right)


def mismatch(mention: Mention, kind: str, expected: str, state: Mapping[str, str]) -> str:
    word, value = mention.word, state.get(mention.role)
    if value is None:
        return f"{word} does not fit the other pronouns"
    if kind == "pronoun":
        return f"{word} does not fit {value}"
    if kind == "name":
        return f"{word} stands where {value} belongs"
    if kind == "owner":
        owner = f"{expected} owns this, not {word}"
        return owner if mention.form == "own" else f"{word} is the other one's, here it is {expected}"
    if kind == "young":
        return f"{word} is not the young of {article(value)} {value}"
    if kind == "object":
        return f"it was {article(expected)} {expected}, not {article(word)} {word}"
    if kind in ("place", "spot"):
        return f"it was the {expected}, not the {word}"
    if kind == "count":
        return _count(mention, expected, value)
    if kind == "feeling" and not mention.right:
        return f"{word} comes at the wrong time, now it is {expected}"
    if mention.form in ("noun", "verb"):
        return f"{word} does not fit {value} weather, {expected} does"
    return f"{_TAGS.get(mention.role, 'it was')} {expected}, not {word}"


def _count(mention: Mention, expected: str, value: str) -> str:
    if mention.form == "less":
        return f"{value} less one is {expected}, not {mention.word}"
    if mention.role == "n" and mention.form == "name":
        return f"there are {expected}, not {mention.word}"
    return f"{mention.word} does not fit the number, {expected} does"


def unclear(word: str, value: str) -> str:
    """About a pronoun subject that need not mean the person it should."""
    return f"{word} need not mean {value} here, nobody made that clear"


def subject(value: str) -> tuple[str, str]:
    """The subject pronoun of a person, within a sentence and as its first word."""
    forms = ROLES["hero" if value in ROLES["hero"] else "grown"][value]
    return forms["he"], forms["He"]
