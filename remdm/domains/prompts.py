"""Prompts: what is given, what is blank, and whether the text goes on."""

import re

_BLANK = re.compile(r"(?<!\S)_(\d{0,3})(?!\w)")


def segments(prompt: str) -> tuple[list[str | int], bool]:
    """A prompt's texts and blank counts in turn, and whether the text goes on after it."""
    prompt = prompt.strip()
    goes_on = prompt.endswith(("...", "…"))
    prompt = re.sub(r"(\.\.\.|…)$", "", prompt).rstrip()
    parts: list[str | int] = []
    place = 0
    for blank in _BLANK.finditer(prompt):
        parts += [prompt[place : blank.start()], int(blank.group(1) or 1)]
        place = blank.end()
    parts.append(prompt[place:])
    blanks = any(isinstance(part, int) for part in parts)
    return [part for part in parts if not isinstance(part, str) or part.strip()], goes_on or not blanks
