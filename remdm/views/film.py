"""A run as a GIF: the tokens as chips, laid out as the player does it, in the looks of its state alphabet."""

import io
import math
from collections.abc import Iterator, Sequence
from functools import cache, partial
from itertools import islice

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.ImageColor import getrgb

from remdm.runs.trace import Trace, replay
from remdm.views.messages import title

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Box = tuple[int, int, int, int]

MOST_FRAMES = 96
MOST_PIXELS = 60_000_000
"""Of all frames together; a taller picture has fewer of them."""
TALLEST = 2400
"""Pixels of a frame; what stands below is left out."""
LONGEST = 24
"""Letters of a token."""
MOST_LETTERS = 2000
"""Different ones that are looked for in the font."""
WIDTH, SIZE, LINE, GAP, EDGE = 720, 17, 30, 4, 18
CELL = 24
"""Of a square of cells: too small for words."""
TOP = EDGE + 28
PAPER, INK, MUTED, HATCH = "#ffffff", "#14212b", "#525c6c", "#d5dae1"
SPELLED = {"<pad>": "·", "<eos>": "·", "<bos>": "·", "→": ">"}
"""Tokens that are drawn otherwise than printed: special ones, and one that the font lacks."""
TOPK_STAGES = {
    "decoded": ("#dcebf9", "#0b66b0"), "remasked": ("#fde6d3", "#c2560c"), "given": ("#eceff3", "#8a8f98"),
    "kept": ("#dcebea", "#dcebea"), "masked": ("#f3f5f7", HATCH),
}  # fmt: skip


def shortened(word: str, longest: int) -> str:
    """A word, or its beginning and a mark."""
    return word if len(word) <= longest else f"{word[: longest - 1]}…"


def _words(trace: Trace) -> dict[int, str]:
    found = {token: shortened(word.strip(), LONGEST) or "·" for token, word in trace.words.items()}
    return found | {token: SPELLED[word] for token, word in found.items() if word in SPELLED}


def lacking(trace: Trace) -> str:
    """The letters of its tokens that the font has no shape for, a few of them."""
    font = ImageFont.load_default(SIZE)
    drawn = cache(lambda letter: (font.getmask(letter).size, bytes(font.getmask(letter))))
    letters = dict.fromkeys(
        letter for word in _words(trace).values() for letter in word if letter.isprintable() and letter != "�"
    )
    missing = drawn("\U0010fffd")  # nobody's letter: what it looks like is the box
    return " ".join([letter for letter in islice(letters, MOST_LETTERS) if drawn(letter) == missing][:12])


def _square(length: int) -> list[Box]:
    """Where each position stands in a square of cells."""
    side = math.isqrt(length - 1) + 1
    corners = [(EDGE + place % side * (CELL + 2), TOP + place // side * (CELL + 2)) for place in range(length)]
    return [(x, y, x + CELL, y + CELL) for x, y in corners]


def _chips(trace: Trace, words: dict[int, str], font: Font, row: int) -> list[Box]:
    """Where each position stands, wide enough for all that it will ever show; a new line after every `row`, if any."""
    width = cache(lambda token: math.ceil(font.getlength(words.get(token, f"#{token}"))) + 10)
    widest = [22] * trace.length
    before: Sequence[int] = [trace.mask_id] * trace.length
    for ids in (trace.start, *(each.tolist() for each in replay(trace))):
        for place, (token, last) in enumerate(zip(ids, before, strict=True)):
            if token not in (trace.mask_id, last):
                widest[place] = max(widest[place], width(token))
        before = ids
    boxes: list[Box] = []
    x, y = EDGE, TOP
    for place, wide in enumerate(widest):
        if x + wide > WIDTH - EDGE or (row and place and place % row == 0):
            x, y = EDGE, y + LINE + GAP
        boxes.append((x, y, x + wide, y + LINE))
        x += wide + GAP
    return boxes


def _looks(trace: Trace) -> Iterator[list[tuple[str, int]]]:
    """For each step what each position shows: its state and a token; of a remasked one, the token that went."""
    given, before = set(trace.given), trace.start
    for frame, after in zip(trace.steps, replay(trace), strict=True):
        ids = tuple(after.tolist())
        decoded, remasked = {place for place, _, _ in frame.decoded}, set(frame.remasked)
        yield [
            ("given", token) if place in given
            else ("decoded", token) if place in decoded
            else ("remasked", before[place]) if place in remasked
            else ("masked" if token == trace.mask_id else "kept", token)
            for place, token in enumerate(ids)
        ]  # fmt: skip
        before = ids


def _chip(font: Font, state: str, word: str, size: tuple[int, int]) -> Image.Image:
    image = Image.new("RGB", size, PAPER)
    pen, (wide, tall) = ImageDraw.Draw(image), size
    ground, edge = TOPK_STAGES[state]
    thick = 2 if state == "decoded" and not word else 1
    pen.rounded_rectangle((0, 0, wide - 1, tall - 1), 3, fill=ground, outline=edge, width=thick)
    if state == "masked":
        for x in range(6, wide + tall, 7):
            pen.line(
                [(min(x, wide - 2), max(0, x - wide)), (max(0, x - tall), tall - 1 - max(0, tall - x))], fill=HATCH
            )
        return image
    pen.text((wide / 2, tall / 2), word, fill=INK, font=font, anchor="mm")
    if state == "remasked":
        pen.line([(3, tall / 2 + 1), (wide - 4, tall / 2 + 1)], fill=edge, width=2)
    return image


def _palette() -> Image.Image:
    """All colours that can be seen, letters' edges among them, so that none has to be looked for in each frame."""
    pairs = [(PAPER, INK, 8), (PAPER, MUTED, 4)]
    for ground, edge in TOPK_STAGES.values():
        pairs += [(ground, INK, 8), (ground, edge, 3), (PAPER, edge, 3), (ground, HATCH, 2)]
    mixed = {
        tuple(round(a + (b - a) * k / parts) for a, b in zip(getrgb(under), getrgb(over), strict=True))
        for under, over, parts in pairs for k in range(parts + 1)
    }  # fmt: skip
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for colour in sorted(mixed) for channel in colour])
    return palette


def gif(trace: Trace, milliseconds: int = 160, layout: str = "text") -> bytes:
    """The file's bytes; long runs are shown at evenly chosen steps, and the last one stays for two seconds.

    Args:
        trace: the run.
        milliseconds: each step is shown.
        layout: of the tokens, as in `Domain.layout`; a grid shows states alone.

    Raises:
        ValueError: for a trace without steps.
    """
    if not trace.steps:
        raise ValueError("This run has no steps to show")
    font, grid, (_, _, row) = ImageFont.load_default(SIZE), layout == "grid", layout.partition("rows:")
    words = {} if grid else _words(trace)
    boxes = _square(trace.length) if grid else _chips(trace, words, font, int(row or 0))
    boxes = [box for box in boxes if box[3] <= TALLEST]
    wide, tall = (boxes[-1][2] + EDGE if grid else WIDTH), boxes[-1][3] + EDGE
    count = min(MOST_FRAMES, max(2, MOST_PIXELS // (wide * tall)), len(trace.steps))
    chosen = set(np.linspace(0, len(trace.steps) - 1, count).round().astype(int).tolist())
    chip = cache(partial(_chip, font))

    def frames() -> Iterator[Image.Image]:
        canvas, palette, small = Image.new("RGB", (wide, tall), PAPER), _palette(), ImageFont.load_default(13)
        pen = ImageDraw.Draw(canvas)
        pen.text((EDGE, EDGE), title(trace.run), fill=INK, font=small)
        drawn: list[tuple[str, int] | None] = [None] * len(boxes)
        for index, looks in enumerate(_looks(trace)):
            if index not in chosen:
                continue
            for place, (left, top, right, bottom) in enumerate(boxes):
                if looks[place] != drawn[place]:
                    state, token = drawn[place] = looks[place]
                    word = "" if grid else words.get(token, f"#{token}")
                    canvas.paste(chip(state, word, (right - left, bottom - top)), (left, top))
            pen.rectangle((wide - 160, 0, wide, TOP - 6), fill=PAPER)
            count = f"step {index + 1} / {len(trace.steps)}"
            pen.text((wide - EDGE, EDGE), count, fill=MUTED, font=small, anchor="ra")
            yield canvas.quantize(palette=palette, dither=Image.Dither.NONE)

    out, drawn = io.BytesIO(), frames()
    times = [milliseconds] * (len(chosen) - 1) + [2000]
    next(drawn).save(out, "GIF", save_all=True, append_images=drawn, duration=times, loop=0, optimize=False)
    return out.getvalue()
