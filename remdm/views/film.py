"""A run as a GIF: the tokens as chips, laid out as the player does it, in the looks of its state alphabet."""

import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from remdm.runs.trace import Trace, replay
from remdm.views.messages import title

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Box = tuple[float, float, float, float]

MOST_FRAMES = 96
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


def _words(trace: Trace) -> dict[int, str]:
    found = {token: word.strip() or "␣" for token, word in trace.words.items()}
    return found | {token: SPELLED[word] for token, word in found.items() if word in SPELLED}


def _square(length: int) -> list[Box]:
    """Where each position stands in a square of cells."""
    side = math.isqrt(length - 1) + 1
    corners = [(EDGE + place % side * (CELL + 2), TOP + place // side * (CELL + 2)) for place in range(length)]
    return [(x, y, x + CELL, y + CELL) for x, y in corners]


def _chips(trace: Trace, words: dict[int, str], font: Font, row: int) -> list[Box]:
    """Where each position stands, wide enough for all that it will ever show; a new line after every `row`, if any."""
    widest = np.full(trace.length, 22.0)
    rows = [np.array(trace.start), *replay(trace)]
    for ids in rows:
        for place, token in enumerate(ids):
            if token != trace.mask_id:
                widest[place] = max(widest[place], font.getlength(words.get(int(token), f"#{token}")) + 10)
    boxes: list[Box] = []
    x, y = float(EDGE), float(TOP)
    for place, wide in enumerate(widest):
        if x + wide > WIDTH - EDGE or (row and place and place % row == 0):
            x, y = float(EDGE), y + LINE + GAP
        boxes.append((x, y, x + wide, y + LINE))
        x += wide + GAP
    return boxes


def _state(trace: Trace, index: int, place: int, ids: np.ndarray) -> str:
    frame = trace.steps[index]
    if trace.start[place] != trace.mask_id:
        return "given"
    if any(place == position for position, _, _ in frame.decoded):
        return "decoded"
    if place in frame.remasked:
        return "remasked"
    return "masked" if ids[place] == trace.mask_id else "kept"


def _chip(pen: ImageDraw.ImageDraw, box: Box, state: str, word: str, font: Font) -> None:
    ground, edge = TOPK_STAGES[state]
    pen.rounded_rectangle(box, 3, fill=ground, outline=edge, width=2 if state == "decoded" and not word else 1)
    left, top, right, bottom = box
    if state == "masked":
        tall = bottom - top
        for x in range(int(left) + 6, int(right + tall), 7):
            ends = [
                (min(x, right - 1), top + max(0, x - right)),
                (max(left, x - tall), bottom - max(0, tall - (x - left))),
            ]
            pen.line(ends, fill=HATCH)
        return
    pen.text(((left + right) / 2, (top + bottom) / 2), word, fill=INK, font=font, anchor="mm")
    if state == "remasked":
        pen.line([(left + 3, (top + bottom) / 2 + 1), (right - 3, (top + bottom) / 2 + 1)], fill=edge, width=2)


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
    chosen = set(np.linspace(0, len(trace.steps) - 1, min(MOST_FRAMES, len(trace.steps))).round().astype(int).tolist())
    frames: list[Image.Image] = []
    before: Sequence[int] = trace.start
    for index, ids in enumerate(replay(trace)):
        if index in chosen:
            frames.append(_picture(trace, index, ids, before, boxes, words, font))
        before = ids.tolist()
    out = io.BytesIO()
    times = [milliseconds] * (len(frames) - 1) + [2000]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=False)
    return out.getvalue()


def _picture(
    trace: Trace, index: int, ids: np.ndarray, before: Sequence[int], boxes: list[Box], words: dict[int, str],
    font: Font,
) -> Image.Image:  # fmt: skip
    wide, tall = (WIDTH if words else boxes[-1][2] + EDGE), boxes[-1][3] + EDGE
    image = Image.new("RGB", (int(wide), int(tall)), PAPER)
    pen = ImageDraw.Draw(image)
    small = ImageFont.load_default(13)
    pen.text((EDGE, EDGE), title(trace.run), fill=INK, font=small)
    pen.text((wide - EDGE, EDGE), f"step {index + 1} / {len(trace.steps)}", fill=MUTED, font=small, anchor="ra")
    for place, box in enumerate(boxes):
        state = _state(trace, index, place, ids)
        token = int(before[place] if state == "remasked" else ids[place])
        _chip(pen, box, state, words.get(token, f"#{token}") if words else "", font)
    return image.quantize(64)
