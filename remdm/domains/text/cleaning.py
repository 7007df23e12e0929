"""Turns transcripts of speeches into plain sentences: no stage directions, headings, tables or broken hyphens."""

import re
from collections import Counter

QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'", "“": '"', "”": '"', "‑": "-", "•": "", "*": "", "\u00a0": " "})
STAGE_DIRECTION = re.compile(r"[\[(][^\])]{0,40}(?:laughter|applause)[^\])]{0,40}[\])]|\[(?:p\.)?\d+\]", re.IGNORECASE)
ALL_CAPS = r"[A-Z][A-Z',:/-]+"
HEADING = re.compile(
    rf"(?:^|(?<=[.?!\":] ))(?:(?:[IVX]+|\d+|[A-Z])\. )?"
    rf"{ALL_CAPS}(?: (?:{ALL_CAPS}|A|Of|of))*[.:]?(?: [IVX]+\.?)? (?=[A-Z][a-z ])"
)
# spoken or printed in capitals without being a heading
ACRONYM = re.compile(r"(?:NATO|SALT|START|OPEC|NASA|AIDS|UNRRA|IRAQ|ISIS|MEDICARE|USMCA|DACA|LGBTQ)\b")
TABLE = re.compile(r"\.{4}|_{3}|\.{3} \.")
WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")

# after a hyphen, these words show that it stands for a dash: "the good neighbor-the neighbor who"
AFTER_DASH = set(
    """the a an and or but not nor to of in for by with from at as if when where which who whose that this these those
    it its we our us they their them he his she her i you your is are was were be have has had do does did will would
    shall should may might must can could let there here every so yet because while since until unless whether than
    then what how why even especially including whatever both only perhaps indeed just still some no yes me
    yours mine""".split()
)
BEFORE_DASH = set("and but of the that is are was were have has it we they us them this which who you him our".split())
PREFIXES = set("anti pro mid non pre post trans inter pan un ex all sub".split())
COMPOUNDS = set("built-in drive-in live-in break-in sit-in hands-on follow-on stand-by near-by have-not add-on".split())
ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Messrs|Dr|St|Jr|Sr|No|Gen|Sen|Rep|Gov|Lt|Col|Capt|Sgt|Inc|Co|vs)|\b[A-Z])\.$"
)
SENTENCE_END = re.compile(r"(?<=[.?!])[\"')]*\s+(?=[\"'(]*[A-Z0-9$])")


def clean(text: str, words: Counter[str]) -> str:
    """One line of plain text. `words` counts the words and hyphenated words of the whole collection."""
    text = STAGE_DIRECTION.sub(" - ", text.translate(QUOTES))
    text = re.sub(r"\[([^\]]*)\]", r"\1", text)
    text = re.sub(r"\.(?: ?\.){2,3}(?![. ]*\.)", "...", text)
    text = re.sub(r"\s+", " ", text)
    text = rejoin(dashes(text, words), words)
    text = re.sub(r"(?<=[.?!,;:])(?: — )+|^(?: ?— )+|(?: —)+ ?$", " ", text)
    text = re.sub(r"(?<=[a-z])([.?!])(?=[A-Z])", r"\1 ", text)
    text = re.sub(r" +([,;:])", r"\1", text)
    text = re.sub(r" +\.(?=[a-z])", " ", text)
    text = re.sub(r"\s+", " ", text)
    return HEADING.sub(lambda match: match[0] if spoken(match[0]) else "", text).strip()


def spoken(capitals: str) -> bool:
    """Whether words in capitals that look like a heading are part of a sentence after all."""
    letters = sum(letter.isalpha() for letter in capitals)
    return bool(ACRONYM.search(capitals)) or (letters < 5 and not capitals.rstrip().endswith("."))


def dashes(text: str, words: Counter[str]) -> str:
    """Write every dash as ` — `, also those that the transcript prints as a hyphen between two words."""
    text = re.sub(r"(?: ?(?:[—–]|-{2,}|(?<= )-|-(?=[—–])|(?<=[—–])-))+ ?", " — ", text)
    pattern = re.compile(r"(?<![\w-])([A-Za-z']+)-([A-Za-z']+)(?![\w-])")

    def judged(match: re.Match[str]) -> str:
        left, right, whole = match[1].lower(), match[2].lower(), match[0].lower()
        names = match[1].islower() and match[2][0].isupper() and left not in PREFIXES
        cut = (right in AFTER_DASH or left in BEFORE_DASH or names) and words[whole] <= 2 and whole not in COMPOUNDS
        return f"{match[1]} — {match[2]}" if cut else match[0]

    return pattern.sub(judged, text)


def rejoin(text: str, words: Counter[str]) -> str:
    """Undo `hyphen- ated` words of line ends; what is not such a word was a dash (`low- and middle-income` stays)."""

    def judged(match: re.Match[str]) -> str:
        left, right = match[1], match[2]
        if right in ("and", "or"):
            return match[0]
        if words[(left + right).lower()]:
            return left + right
        if words[f"{left}-{right}".lower()] or left.lower() == "non":
            return f"{left}-{right}"
        return f"{left} — {right}"

    return re.sub(r"\b([A-Za-z]+)- ([A-Za-z]+)\b", judged, text)


def count_words(texts: list[str]) -> Counter[str]:
    """How often each word and each hyphenated pair of words occurs, in lower case."""
    counts: Counter[str] = Counter()
    for text in texts:
        lower = text.translate(QUOTES).lower()
        counts.update(WORD.findall(lower))
        counts.update(re.findall(r"(?<![\w-])[a-z']+-[a-z']+(?![\w-])", lower))
    return counts


def sentences(text: str) -> list[str]:
    found: list[str] = []
    start = 0
    for match in SENTENCE_END.finditer(text):
        if not ABBREVIATION.search(text[start : match.start()]):
            found.append(text[start : match.end()].strip())
            start = match.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if re.search("[a-z]{2}", sentence) and not tabular(sentence)]


def tabular(sentence: str) -> bool:
    """Whether a sentence is a piece of a table: rules, leaders, or mostly numbers."""
    parts = sentence.split()
    numbers = sum(any(letter.isdigit() for letter in part) for part in parts)
    return bool(TABLE.search(sentence)) or (numbers >= 4 and numbers > len(parts) / 3)
