"""A run of pictures as files: a contact sheet of its steps, and an animation."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from remdm.domains.image.pictures import hatched
from remdm.domains.image.rendering import GRID, drawn
from remdm.runs.trace import Trace, replay

SHOWN = 24
"""Steps on a sheet."""
SCALE = 2
FRAMES = 65
"""Pictures in an animation."""
GAP, LINE = 12, 22


def spread(count: int, most: int) -> list[int]:
    """At most so many of the indices 0 .. count - 1, first and last among them, evenly apart."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(most, count))})


def states(trace: Trace, wanted: Sequence[int]) -> np.ndarray:
    """Pictures after the wanted steps (0 is the start), masked cells hatched, uint8 `[n, 128, 128, 3]`.

    Raises:
        ValueError: for a run of another model, whose codes the embedded one cannot draw.
    """
    if trace.length != GRID**2:
        raise ValueError(
            f"This run has {trace.length} codes, and the model that draws it is not at hand; open it there"
        )
    every = [np.array(trace.start), *replay(trace)]
    pixels, known = drawn([every[k] for k in wanted])
    large = pixels.repeat(SCALE, axis=1).repeat(SCALE, axis=2)
    return np.stack([hatched(each, seen) for each, seen in zip(large, known, strict=True)])


def contact_sheet(trace: Trace, columns: int = 6) -> bytes:
    """The steps of a run side by side, with their numbers, as PNG."""
    wanted = spread(len(trace.steps) + 1, SHOWN)
    pictures = states(trace, wanted)
    size = pictures.shape[1]
    rows = -(-len(wanted) // columns)
    columns = min(columns, len(wanted))
    sheet = Image.new("RGB", (GAP + columns * (size + GAP), GAP + rows * (size + LINE + GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (step, picture) in enumerate(zip(wanted, pictures, strict=True)):
        corner = GAP + place % columns * (size + GAP), GAP + place // columns * (size + LINE + GAP)
        sheet.paste(Image.fromarray(picture), corner)
        named = "start" if step == 0 else f"step {step} of {len(trace.steps)}"
        pen.text((corner[0], corner[1] + size + 4), named, fill=(60, 66, 78))
    return _bytes(sheet, "PNG", optimize=True)


def animation(trace: Trace) -> bytes:
    """The run as a GIF that rests on its last picture."""
    pictures = [Image.fromarray(each) for each in states(trace, spread(len(trace.steps) + 1, FRAMES))]
    times = [90] * (len(pictures) - 1) + [2500]
    first, *others = [picture.quantize(128, dither=Image.Dither.NONE) for picture in pictures]
    return _bytes(first, "GIF", save_all=True, append_images=others, duration=times, loop=0)


def _bytes(picture: Image.Image, kind: str, **more: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()
