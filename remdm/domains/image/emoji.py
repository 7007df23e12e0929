"""Emoji for the embedded picture model: three styles, 96 x 96 on white, in categories told apart at a glance."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from remdm.domains.image import emoji_art
from remdm.training.packages import kept

STYLES = ("Noto", "Twemoji", "Fluent")
TONES = ("1F3FB", "1F3FD", "1F3FF")
"""Skin tones that are kept, besides the yellow: all five of hands alone."""
# raised with every change of what is kept, so that an old cache is not mistaken for a new one
RECIPE = 2
NO, SOME, ALL, SWAPPED = range(4)


@dataclass(frozen=True)
class Category:
    """A category: its name as on the page and in flags, which emoji it holds, and how its pictures may be varied.

    Attributes:
        name: one word.
        holds: subcategories of the list, or short names of single emoji.
        flips: whether a picture stays one of its kind when mirrored.
        colours: how far they may be changed: NO, SOME (hues a little), ALL (any hue), SWAPPED (red, green and blue).
        without: short names that are left out.
    """

    name: str
    holds: str
    flips: bool = True
    colours: int = NO
    without: str = ""

    def has(self, entry: dict[str, Any]) -> bool:
        names = (entry["subcategory"].replace(" ", "-"), entry["short_name"])
        return any(name in self.holds.split() for name in names) and entry["short_name"] not in self.without.split()


CATEGORIES = (
    Category(
        "face", "face-smiling face-affection face-tongue face-hand face-neutral-skeptical face-sleepy face-unwell "
        "face-hat face-glasses face-concerned face-negative", without="skull skull_and_crossbones dotted_line_face",
    ),
    Category("person", "person person-gesture person-role"),
    Category("athlete", "person-sport person-activity"),
    Category("fantasy", "person-fantasy"),
    Category(
        "hand", "hand-fingers-open hand-fingers-partial hand-single-finger hand-fingers-closed hands hand-prop",
        without="middle_finger",
    ),
    Category("animal", "animal-mammal animal-amphibian animal-reptile cat-face monkey-face"),
    Category("bird", "animal-bird", colours=SOME),
    Category("fish", "animal-marine", colours=SOME),
    Category("plant", "plant-flower plant-other", colours=SOME),
    Category("fruit", "food-fruit food-vegetable", colours=SOME),
    Category("food", "food-prepared food-asian food-sweet"),
    Category("drink", "drink", colours=SOME),
    Category("building", "place-building place-religious", colours=SOME),
    Category("vehicle", "transport-ground transport-air transport-water", colours=SOME),
    Category(
        "sky", "sky-&-weather", colours=SOME,
        without="umbrella closed_umbrella umbrella_with_rain_drops umbrella_on_ground thermometer",
    ),
    Category(
        "clock", " ".join(f"clock{hour}{half}" for hour in range(1, 13) for half in ("", "30")), colours=ALL,
    ),
    Category("sport", "sport award-medal game", colours=SOME),
    Category("clothing", "clothing", colours=ALL),
    Category("tool", "tool science medical household lock", colours=SOME),
    Category("device", "computer phone light-&-video musical-instrument", colours=SOME),
    Category("paper", "book-paper mail office writing money", colours=SOME),
    Category("heart", "heart", colours=ALL),
    Category("flag", "country-flag subdivision-flag flag", colours=SWAPPED),
    Category(
        "button", "transport-sign arrow av-symbol alphanum keycap religion zodiac", flips=False, colours=ALL,
    ),
    Category("shape", "geometric", colours=ALL),
    Category("sign", "warning", flips=False, colours=SOME),
)  # fmt: skip
NAMES = tuple(category.name for category in CATEGORIES)
NOTHING = "any"
CONDITIONS = (*NAMES, *STYLES, NOTHING)
"""What can stand in front of the codes, in the order of their ids: a category, a style, or neither."""


@dataclass(frozen=True)
class Emoji:
    """Prepared pictures.

    Attributes:
        pixels: RGB on white, uint8 `[N, 96, 96, 3]`.
        label: index into CATEGORIES, int64 `[N]`. style: index into STYLES, int64 `[N]`.
        heldout: every twelfth emoji of a category, in all styles and skin tones, bool `[N]`.
    """

    pixels: np.ndarray
    label: np.ndarray
    style: np.ndarray
    heldout: np.ndarray


def prepare(folder: Path) -> Emoji:
    """The pictures, made on the first call and kept in the folder, compressed: `emoji.npz`."""
    data = kept(folder / "emoji.npz", RECIPE, lambda: build(emoji_art.entries(folder), emoji_art.hands(folder)))
    parts = np.split(data["files"], data["ends"][:-1])
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(part.tobytes()))) for part in parts])
    return Emoji(pixels, *(data[name] for name in ("label", "style", "heldout")))


def build(entries: list[dict[str, Any]], hands: dict[str, emoji_art.Draw]) -> dict[str, Any]:
    """The arrays of the cache from the list of emoji and those who draw them."""
    made = []
    count = [0] * len(CATEGORIES)
    for kind, entry in _kept(entries):
        held = count[kind] % 12 == 7
        count[kind] += 1
        for drawn, name in enumerate(STYLES):
            for code in (entry["unified"], *tones(entry, NAMES[kind])):
                picture = hands[name](code)
                if picture:
                    made.append((_packed(picture), kind, drawn, held))
    files, *columns = zip(*made, strict=True)
    return {
        "files": np.frombuffer(b"".join(files), dtype=np.uint8),
        "ends": np.cumsum([len(each) for each in files]),
        **{name: np.array(column) for name, column in zip(("label", "style", "heldout"), columns, strict=True)},
    }


def tones(entry: dict[str, Any], category: str) -> list[str]:
    """The code points of an emoji's skin tones that are kept."""
    found = entry.get("skin_variations", {})
    return [value["unified"] for tone, value in found.items() if category == "hand" or tone in TONES]


def _packed(picture: Image.Image) -> bytes:
    """As WebP, the smaller of two: without loss (flat drawings), or nearly so (shaded ones)."""
    sizes = []
    for settings in ({"lossless": True, "quality": 100}, {"quality": 90}):
        out = io.BytesIO()
        picture.save(out, "WEBP", method=6, **settings)
        sizes.append(out.getvalue())
    exact, close = sizes
    return exact if len(exact) < 1.4 * len(close) else close


def _kept(entries: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    for entry in sorted(entries, key=lambda entry: entry["sort_order"]):
        for kind, category in enumerate(CATEGORIES):
            if category.has(entry):
                yield kind, entry
                break
