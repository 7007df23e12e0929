"""Words that this project does not use, in remdm/, README.md and docs/: part of `make lint`.

Looks at text (docstrings, strings, comments, Markdown) and at names, and says what to write instead.
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PHRASES = {
    r"(?<!there )\b(is|are|was|were) no (?!longer|more|less|fewer|better|worse|nearer|one\b|way\b|matter)": "not a",
    r"\b(that|which|who) (is|are) (?-i:none)\b": "that does not exist, not one of them",
    r"\bbeside\b": "besides (in addition), next to (a place), against or with (a comparison)",
    r"\b(network|model|model's) calls\b|\bcalls of the (network|model)\b": "network evaluations, NFE",
    r"\bwill not do\b(?= *[.,;:)])": "is invalid",
    r"\bfreely combined\b": "custom sampler",
    r"\bsurest\b": "most confident",
    r"\b(a|one|each|every|the|this|same|its|of|second) press\b(?! of the)": "a click, a group of runs",
    r"\b(doors?|shel(f|ves)|wish(es)?|fates?)\b": "a term of the field",
    r"\bhow to draw\b": "token sampling",
    r"\bwho decides\b": "unmasking order",
    r"\bforget mine\b": "clear my measurements",
}
"""What is not written, and what is written instead."""
NAMES = {"told", "said", "wish", "wishes", "press", "fate", "fates", "door", "shelf", "shelves"}
"""Not to be part of a name in code, between underscores or alone."""
ALLOWED = {
    ("remdm/domains/text/storyworld/", ""): "the stories' own words",
    ("docs/results.md", ""): "written by `remdm tables` from strings that are checked in remdm/",
    ("docs/bench.md", ""): "written by `remdm bench --table` from strings that are checked in remdm/",
}
"""Where a word may stand, by the start of the path and the word, and why."""


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of text: of a Markdown file all, of Python what stands in strings and comments."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    kinds = (tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in kinds:
            yield from enumerate(token.string.splitlines(), token.start[0])


def names(path: Path) -> Iterator[tuple[int, str]]:
    """Names that are given in a Python file: of variables, arguments, fields, functions and classes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def findings(path: Path) -> Iterator[str]:
    """One line for each word of a file that is not to be used."""
    place = path.relative_to(ROOT).as_posix()

    def allowed(word: str) -> bool:
        return any(place.startswith(start) and word.startswith(allowed) for start, allowed in ALLOWED)

    for line, text in prose(path):
        for pattern, better in PHRASES.items():
            for found in re.finditer(pattern, text, re.IGNORECASE):
                if not allowed(found[0].lower()):
                    yield f"{place}:{line}: “{found[0].strip()}”, better: {better}"
    if path.suffix == ".py":
        for line, name in names(path):
            for word in NAMES & set(name.lower().split("_")):
                if not allowed(word):
                    yield f"{place}:{line}: the name “{name}”, better: a term of the field"


def main() -> None:
    """Print every finding, and how many there are in each folder; the status is 1 if there is one."""
    files = [*ROOT.glob("remdm/**/*.py"), ROOT / "app.py", ROOT / "README.md", *ROOT.glob("docs/*.md")]
    found = [line for path in sorted(files) for line in findings(path)]
    print(*found, sep="\n")
    for folder, count in sorted(Counter("/".join(line.split(":")[0].split("/")[:2]) for line in found).items()):
        print(f"{count:4} {folder}")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
