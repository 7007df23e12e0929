"""Compiles the paraphrases to tuples of words and slot keys, shared by the generator and the checker."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from remdm.domains.text.storyworld.lexicon import PEOPLE, ROLES

_CHOICE = re.compile(r"\(([^()]*)\)")
_SUBJECT = re.compile(r"\[(\w+)\]")
_SLOT = re.compile(r"\{(\w+)[.#]?(\w*)\}")


@dataclass(frozen=True)
class Sentence:
    """One way to tell an event: `parts` are words, or slot keys such as `{hero.his}`.

    `leans` is the person a pronoun subject leans on (None where the subject is named), `focus` the person a
    pronoun in the next sentence would mean if that is clear, `people` all persons of the sentence.
    """

    event: str
    parts: tuple[str, ...]
    leans: str | None
    focus: str | None
    people: frozenset[str]


@dataclass(frozen=True)
class Paraphrase:
    """The sentences of one paraphrase: one per free choice, told by name or (where there is one) by pronoun."""

    named: tuple[Sentence, ...]
    pronoun: tuple[Sentence, ...]
    subject: str | None


def is_slot(part: str) -> bool:
    return part[0] == "{"


def slot(part: str) -> tuple[str, str]:
    """The (role, form) of a slot key; forms `#n` and `#less` are nouns whose number follows the count."""
    found = _SLOT.fullmatch(part)
    assert found
    role, form = found.groups()
    return role, ("#" + form if "#" in part else form or "name")


def _choices(text: str) -> Iterator[str]:
    found = _CHOICE.search(text)
    if not found:
        yield text
        return
    for option in found.group(1).split("|"):
        yield from _choices(text[: found.start()] + option + text[found.end() :])


def _key(word: str, first: bool) -> str:
    if not is_slot(word):
        return word
    role, form = slot(word)
    if form.startswith("#"):
        return f"{{{role}{form}}}"
    if first and form in ("he", "his"):
        form = form.capitalize()
    if form not in next(iter(ROLES[role].values())):
        raise ValueError(f"{word}: {role} has no form {form}")
    return f"{{{role}.{form}}}"


def _sentence(event: str, text: str, leans: str | None) -> Sentence:
    words = text.split()
    parts = tuple(_key(word, place == 0) for place, word in enumerate(words))
    people = [role for role, _ in map(slot, filter(is_slot, parts)) if role in PEOPLE]
    return Sentence(event, parts, leans, people[0] if people else None, frozenset(people))


def _paraphrase(event: str, text: str) -> Paraphrase:
    found, options = _SUBJECT.search(text), tuple(_choices(text))
    subject = found and found.group(1)
    named = tuple(_sentence(event, _SUBJECT.sub(r"{\1}", option), None) for option in options)
    by_pronoun = (_sentence(event, _SUBJECT.sub(r"{\1.he}", option), subject) for option in options if subject)
    return Paraphrase(named, tuple(by_pronoun), subject)


def paraphrases(file: str) -> dict[str, tuple[Paraphrase, ...]]:
    """The compiled paraphrases of every event of a file next to this one."""
    blocks = Path(__file__).with_name(file).read_text(encoding="utf-8").strip().split("\n\n")
    told = (block.splitlines() for block in blocks if not block.startswith("#"))
    return {event: tuple(_paraphrase(event, text) for text in texts) for event, *texts in told}


@cache
def fillings(part: str) -> dict[str, frozenset[str]]:
    """The words a slot can hold, each with the values of its role that it fits."""
    role, form = slot(part)
    found: dict[str, set[str]] = {}
    for value, forms in ROLES[role].items():
        for word in (forms["name"], forms["pl"]) if form.startswith("#") else (forms[form],):
            found.setdefault(word, set()).add(value)
    return {word: frozenset(values) for word, values in found.items()}


@cache
def fill(role: str, value: str) -> dict[str, str]:
    """The slot keys of a role with the words they hold when the role has this value."""
    return {f"{{{role}.{form}}}": word for form, word in ROLES[role][value].items()}


def numbered(role: str, value: str, forms_of_count: dict[str, str]) -> dict[str, str]:
    """The noun in the number that fits the count (`#n`) and the count less one (`#less`)."""
    forms = ROLES[role][value]
    return {
        f"{{{role}#n}}": forms["pl"],
        f"{{{role}#less}}": forms["name"] if forms_of_count["less"] == "one" else forms["pl"],
    }
