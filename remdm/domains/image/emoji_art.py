"""Emoji drawn by three hands: Noto (Apache-2.0), Twemoji (CC-BY 4.0) and Fluent Emoji (MIT), square, on white.

Noto comes from Debian's package fonts-noto-color-emoji (bitmaps of 136 x 128), Twemoji from the npm package
@twemoji/svg, Fluent Emoji in its 3D form from @lobehub/fluent-emoji-3d, the list of all emoji from
emoji-datasource-google.
"""

import importlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, features

from remdm.training.packages import package, unpacked

SIDE = 96
FONT = "NotoColorEmoji.ttf"
FONT_PLACE = Path("/usr/share/fonts/truetype/noto")
Draw = Callable[[str], Image.Image | None]
"""A hand: code points as in the list (`1f44d-1f3fd`) to a picture, RGB of SIDE x SIDE, or None where it has none."""


def plain(code: str) -> str:
    """Code points in the form that all packages can be brought to: small letters, no variation selectors."""
    return "-".join(part.lstrip("0") for part in code.lower().split("-") if part != "fe0f")


def entries(folder: Path) -> list[dict[str, Any]]:
    """The list of emoji with their names, subcategories and skin tones."""
    return json.loads(_npm(folder, "emoji-datasource-google", "16.0.0")["emoji.json"])


def hands(folder: Path) -> dict[str, Draw]:
    """Who draws, by the name of the style.

    Raises:
        RuntimeError: if a package cannot be had; it says what to do.
    """
    return {"Noto": _noto(folder), "Twemoji": _twemoji(folder), "Fluent": _fluent(folder)}


def _npm(folder: Path, name: str, version: str) -> dict[str, bytes]:
    file = f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"
    found = unpacked(package(folder, file, f"npm pack {name}@{version}"))
    return {path.relative_to("package").as_posix(): content for path, content in found}


def squared(picture: Image.Image) -> Image.Image:
    """A picture on white, shrunk to fit the square, in its middle."""
    picture = picture.convert("RGBA")
    scale = SIDE / max(picture.size)
    width, height = (max(1, round(each * scale)) for each in picture.size)
    small = picture.resize((width, height), Image.Resampling.LANCZOS)
    ground = Image.new("RGB", (SIDE, SIDE), "white")
    ground.paste(small, ((SIDE - width) // 2, (SIDE - height) // 2), small)
    return ground


def _noto(folder: Path) -> Draw:
    path = next((place / FONT for place in (folder, FONT_PLACE) if (place / FONT).is_file()), None)
    if path is None or not features.check("raqm"):
        raise RuntimeError(
            f"Noto's pictures need the font and a library to lay out its sequences: run `apt-get install "
            f"fonts-noto-color-emoji libfribidi0`, or put {FONT} into {folder}"
        )
    font = ImageFont.truetype(str(path), 109, layout_engine=ImageFont.Layout.RAQM)  # the one size that it has

    def bitmap(text: str) -> Image.Image:
        glyph = Image.new("RGBA", (136, 128))
        ImageDraw.Draw(glyph).text((0, 0), text, font=font, embedded_color=True)
        return glyph

    missing = bitmap("\U0010fffd").tobytes()

    def draw(code: str) -> Image.Image | None:
        text = "".join(chr(int(part, 16)) for part in code.split("-"))
        if font.getlength(text) > 140:  # a sequence that the font does not know is two glyphs
            return None
        glyph = bitmap(text)
        return squared(glyph) if glyph.getbbox() and glyph.tobytes() != missing else None

    return draw


def _twemoji(folder: Path) -> Draw:
    files = _npm(folder, "@twemoji/svg", "15.0.0")
    known = {plain(name[:-4]): content.decode() for name, content in files.items() if name.endswith(".svg")}
    try:
        render = importlib.import_module("resvg_py").svg_to_bytes
    except ModuleNotFoundError as error:
        raise RuntimeError("Twemoji's pictures are drawn with resvg; run: pip install resvg-py") from error

    def draw(code: str) -> Image.Image | None:
        if plain(code) not in known:
            return None
        drawn = render(svg_string=known[plain(code)], width=SIDE, height=SIDE)
        return squared(Image.open(io.BytesIO(bytes(drawn))))

    return draw


def _fluent(folder: Path) -> Draw:
    """Without flags: Microsoft drew none, and those in the package are by others."""
    files = _npm(folder, "@lobehub/fluent-emoji-3d", "1.1.0")
    known = {plain(Path(name).stem): content for name, content in files.items() if name.endswith(".webp")}

    def draw(code: str) -> Image.Image | None:
        flag = all(0x1F1E6 <= int(part, 16) <= 0x1F1FF for part in code.split("-"))
        found = None if flag else known.get(plain(code))
        return squared(Image.open(io.BytesIO(found))) if found else None

    return draw
