"""A run as a GIF: the tokens as chips, in the colours and marks of the player's state alphabet."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from remdm.trace import Trace, replay
from remdm.views.messages import title

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

MOST_FRAMES = 96
WIDTH, SIZE, LINE, GAP, EDGE = 720, 17, 30, 4, 18
PAPER, INK, MUTED, HATCH = "#ffffff", "#14212b", "#525c6c", "#d5dae1"
LOOKS = {
    "decoded": ("#dcebf9", "#0b66b0"), "remasked": ("#fde6d3", "#c2560c"), "given": ("#eceff3", "#8a8f98"),
    "kept": ("#dcebea", "#dcebea"), "masked": ("#f3f5f7", HATCH),
}  # fmt: skip


def _words(trace: Trace) -> dict[int, str]:
    found = {token: word.strip() or "␣" for token, word in trace.words.items()}
    return found | {token: "·" for token, word in found.items() if word in ("<pad>", "<eos>", "<bos>")}


def _boxes(trace: Trace, words: dict[int, str], font: Font) -> tuple[list[tuple], int]:
    """Where each position stands, wide enough for all that it will ever show; and the height."""
    widest = np.full(trace.length, 22.0)
    rows = [np.array(trace.start), *replay(trace)]
    for ids in rows:
        for place, token in enumerate(ids):
            if token != trace.mask_id:
                widest[place] = max(widest[place], font.getlength(words.get(int(token), f"#{token}")) + 10)
    boxes, x, y = [], EDGE, EDGE + 28
    for wide in widest:
        if x + wide > WIDTH - EDGE:
            x, y = EDGE, y + LINE + GAP
        boxes.append((x, y, x + wide, y + LINE))
        x += wide + GAP
    return boxes, int(y + LINE + EDGE)


def _state(trace: Trace, index: int, place: int, ids: np.ndarray) -> str:
    frame = trace.steps[index]
    if trace.start[place] != trace.mask_id:
        return "given"
    if any(place == position for position, _, _ in frame.decoded):
        return "decoded"
    if place in frame.remasked:
        return "remasked"
    return "masked" if ids[place] == trace.mask_id else "kept"


def _chip(pen: ImageDraw.ImageDraw, box: tuple, state: str, word: str, font: Font) -> None:
    ground, edge = LOOKS[state]
    pen.rounded_rectangle(box, 3, fill=ground, outline=edge)
    left, top, right, bottom = box
    if state == "masked":
        for x in range(int(left) + 6, int(right + LINE), 7):
            ends = [
                (min(x, right - 1), top + max(0, x - right)),
                (max(left, x - LINE), bottom - max(0, LINE - (x - left))),
            ]
            pen.line(ends, fill=HATCH)
        return
    pen.text(((left + right) / 2, (top + bottom) / 2), word, fill=INK, font=font, anchor="mm")
    if state == "remasked":
        pen.line([(left + 3, (top + bottom) / 2 + 1), (right - 3, (top + bottom) / 2 + 1)], fill=edge, width=2)


def gif(trace: Trace, milliseconds: int = 160) -> bytes:
    """The file's bytes; long runs are shown at evenly chosen steps, and the last one stays for two seconds.

    Raises:
        ValueError: for a trace without steps.
    """
    if not trace.steps:
        raise ValueError("This run has no steps to show")
    font, words = ImageFont.load_default(SIZE), _words(trace)
    boxes, height = _boxes(trace, words, font)
    chosen = set(np.linspace(0, len(trace.steps) - 1, min(MOST_FRAMES, len(trace.steps))).round().astype(int).tolist())
    frames: list[Image.Image] = []
    before: Sequence[int] = trace.start
    for index, ids in enumerate(replay(trace)):
        if index in chosen:
            frames.append(_picture(trace, index, ids, before, boxes, height, words, font))
        before = ids.tolist()
    out = io.BytesIO()
    times = [milliseconds] * (len(frames) - 1) + [2000]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=False)
    return out.getvalue()


def _picture(
    trace: Trace, index: int, ids: np.ndarray, before: Sequence[int], boxes: list[tuple], height: int,
    words: dict[int, str], font: Font,
) -> Image.Image:  # fmt: skip
    image = Image.new("RGB", (WIDTH, height), PAPER)
    pen = ImageDraw.Draw(image)
    small = ImageFont.load_default(13)
    pen.text((EDGE, EDGE), title(trace.run), fill=INK, font=small)
    pen.text((WIDTH - EDGE, EDGE), f"step {index + 1} / {len(trace.steps)}", fill=MUTED, font=small, anchor="ra")
    for place, box in enumerate(boxes):
        state = _state(trace, index, place, ids)
        token = int(before[place] if state == "remasked" else ids[place])
        _chip(pen, box, state, words.get(token, f"#{token}"), font)
    return image.quantize(64)
