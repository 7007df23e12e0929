"""Emoji for the embedded picture model: Noto (Apache-2.0) and Twemoji (CC-BY 4.0) art, 64 x 64, on white.

They come from the npm packages emoji-datasource-google and emoji-datasource-twitter. Eight categories are kept that a
visitor tells apart at a glance and that have many pictures, or few of one simple shape; mixed ones are left out.
"""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from remdm.training.packages import kept, package, unpacked

VERSION = "16.0.0"
STYLES = ("Noto", "Twemoji")
PACKAGES = {"Noto": "google", "Twemoji": "twitter"}
SIDE = 64
# raised with every change of what is kept, so that an old cache is not mistaken for a new one
RECIPE = 1

_ODD_FACES = frozenset(
    "rolling_on_the_floor_laughing melting_face smiling_face_with_3_hearts face_in_clouds dotted_line_face "
    "shaking_face head_shaking_horizontally head_shaking_vertically exploding_head partying_face face_with_peeking_eye "
    "nauseated_face hot_face cold_face scream smiling_imp imp skull skull_and_crossbones sneezing_face face_vomiting "
    "saluting_face".split()
)
_ANIMALS = frozenset(
    "monkey_face dog wolf fox_face raccoon cat lion_face tiger cow pig hamster rabbit mouse bear polar_bear koala "
    "panda_face frog smiley_cat smile_cat joy_cat heart_eyes_cat smirk_cat kissing_cat crying_cat_face pouting_cat "
    "see_no_evil".split()
)
_HEARTS = frozenset(
    "heart pink_heart orange_heart yellow_heart green_heart blue_heart light_blue_heart purple_heart brown_heart "
    "black_heart grey_heart white_heart sparkling_heart heartpulse broken_heart mending_heart".split()
)
_BUTTONS = frozenset(
    "wheelchair mens womens restroom baby_symbol wc passport_control customs baggage_claim left_luggage arrow_up "
    "arrow_upper_right arrow_right arrow_lower_right arrow_down arrow_lower_left arrow_left arrow_upper_left "
    "arrow_up_down left_right_arrow leftwards_arrow_with_hook arrow_right_hook arrow_heading_up arrow_heading_down "
    "arrows_counterclockwise put_litter_in_its_place potable_water place_of_worship atom_symbol om_symbol "
    "star_of_david wheel_of_dharma yin_yang latin_cross orthodox_cross star_and_crescent peace_symbol "
    "menorah_with_nine_branches six_pointed_star khanda twisted_rightwards_arrows repeat repeat_one arrow_forward "
    "fast_forward black_right_pointing_double_triangle_with_vertical_bar "
    "black_right_pointing_triangle_with_double_vertical_bar arrow_backward rewind "
    "black_left_pointing_double_triangle_with_vertical_bar arrow_up_small arrow_double_up arrow_down_small "
    "arrow_double_down double_vertical_bar black_square_for_stop black_circle_for_record eject cinema signal_strength "
    "wireless white_check_mark ballot_box_with_check negative_squared_cross_mark hash keycap_star zero one two three "
    "four five six seven eight nine keycap_ten capital_abcd abcd 1234 symbols abc a ab b cl cool free "
    "information_source id new ng o2 ok parking sos up vs koko sa u6708 u6709 u6307 u5272 u7121 u7981 accept u7533 "
    "u5408 u7a7a u55b6 u6e80".split()
)


@dataclass(frozen=True)
class Category:
    """A category: its name as on the page and in flags, which emoji it holds, and how its pictures may be varied.

    `flips`: whether a picture stays one of its kind when mirrored. `hues`: whether its colours may be changed.
    """

    name: str
    holds: Callable[[dict], bool]
    flips: bool = True
    hues: bool = False


def _clock(name: str) -> bool:
    return name.removeprefix("clock").isdigit() and name.startswith("clock")


CATEGORIES = (
    Category("face", lambda e: e["subcategory"].startswith("face-") and e["subcategory"] != "face-costume"
             and e["short_name"] not in _ODD_FACES),
    Category("person", lambda e: e["subcategory"] == "person"),
    Category("hand", lambda e: e["subcategory"].startswith("hand-") and e["subcategory"] != "hand-prop"
             and e["short_name"] != "middle_finger"),
    Category("animal", lambda e: e["short_name"] in _ANIMALS),
    Category("heart", lambda e: e["short_name"] in _HEARTS, hues=True),
    Category("flag", lambda e: e["subcategory"] == "country-flag", hues=True),
    Category("clock", lambda e: _clock(e["short_name"]), hues=True),
    Category("button", lambda e: e["short_name"] in _BUTTONS, flips=False, hues=True),
)  # fmt: skip
NAMES = tuple(category.name for category in CATEGORIES)
NOTHING = "any"
CONDITIONS = (*NAMES, *STYLES, NOTHING)
"""What can stand in front of the codes, in the order of their ids: a category, a style, or neither."""


@dataclass(frozen=True)
class Emoji:
    """Prepared pictures.

    Attributes:
        pixels: RGBA, uint8 `[N, 64, 64, 4]`.
        label: index into CATEGORIES, int64 `[N]`. style: index into STYLES, int64 `[N]`.
        base: the same number for skin tones of one emoji in both styles, int64 `[N]`.
        heldout: every twelfth base emoji of a category: in no training picture, bool `[N]`.
    """

    pixels: np.ndarray
    label: np.ndarray
    style: np.ndarray
    base: np.ndarray
    heldout: np.ndarray


def prepare(folder: Path | str) -> Emoji:
    """The pictures, made on the first call and kept in the folder."""

    def make() -> dict[str, Any]:
        pictures: dict[tuple[str, str], bytes] = {}
        for style, name in PACKAGES.items():
            found, entries = read(Path(folder), name)
            pictures |= {(style, file): content for file, content in found.items()}
        return build(pictures, entries)

    data = kept(Path(folder, "emoji.npz"), RECIPE, make)
    return Emoji(*(data[name] for name in ("pixels", "label", "style", "base", "heldout")))


def build(pictures: dict[tuple[str, str], bytes], entries: list[dict]) -> dict[str, Any]:
    """The arrays of the cache from PNG files by style and name, and the entries of emoji.json."""
    pixels, label, style, base, heldout = [], [], [], [], []
    count = [0] * len(CATEGORIES)
    for number, (kind, entry) in enumerate(_kept(entries)):
        held = count[kind] % 12 == 7
        count[kind] += 1
        images = [entry["image"], *(variation["image"] for variation in entry.get("skin_variations", {}).values())]
        for drawn, name in enumerate(STYLES):
            for image in images:
                if (name, image) in pictures:
                    picture = Image.open(io.BytesIO(pictures[name, image])).convert("RGBA")
                    pixels.append(np.asarray(picture.resize((SIDE, SIDE))))
                    label.append(kind)
                    style.append(drawn)
                    base.append(number)
                    heldout.append(held)
    return {"pixels": np.stack(pixels), "label": np.array(label), "style": np.array(style), "base": np.array(base),
            "heldout": np.array(heldout)}  # fmt: skip


def _kept(entries: list[dict]) -> Iterator[tuple[int, dict]]:
    for entry in sorted(entries, key=lambda entry: entry["sort_order"]):
        for kind, category in enumerate(CATEGORIES):
            if category.holds(entry):
                yield kind, entry
                break


def read(folder: Path, name: str) -> tuple[dict[str, bytes], list[dict]]:
    """The 64 x 64 PNG files by name and the entries of emoji.json of an npm package, from the folder or fetched."""
    pictures, entries = {}, []
    file, command = f"emoji-datasource-{name}-{VERSION}.tgz", f"npm pack emoji-datasource-{name}@{VERSION}"
    for path, content in unpacked(package(folder, file, command)):
        if str(path.parent) == f"package/img/{name}/64" and path.suffix == ".png":
            pictures[path.name] = content
        elif str(path) == "package/emoji.json":
            entries = json.loads(content)
    if not pictures or not entries:
        raise RuntimeError(f"emoji-datasource-{name}@{VERSION} holds no 64 x 64 pictures or no emoji.json")
    return pictures, entries


def varied(emoji: Emoji, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pictures on white, each a little shrunk, moved, and where its category allows it mirrored or recoloured.

    Args:
        emoji: the pictures.
        chosen: which of them, `[n]`.
        rng: of the variations.

    Returns:
        RGB, uint8 `[n, 64, 64, 3]`.
    """
    return np.stack([_vary(emoji.pixels[place], CATEGORIES[emoji.label[place]], rng) for place in chosen])


def _vary(pixels: np.ndarray, category: Category, rng: np.random.Generator) -> np.ndarray:
    if category.hues:
        pixels = _recoloured(pixels, category.name, rng)
    side = int(rng.choice((56, 60)))
    moved = (SIDE - side) // 2 + rng.choice((-2, 0, 0, 2), size=2)
    return on_white(pixels, side, moved, bool(category.flips and rng.random() < 0.5))


def _recoloured(pixels: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """Flags: channels permuted half of the time. Others: hues turned by any angle half of the time."""
    if rng.random() < 0.5:
        return pixels
    if name == "flag":
        return np.concatenate((pixels[..., rng.permutation(3)], pixels[..., 3:]), axis=-1)
    hue = np.asarray(Image.fromarray(pixels[..., :3]).convert("HSV")).copy()
    hue[..., 0] += np.uint8(rng.integers(256))
    return np.concatenate((np.asarray(Image.fromarray(hue, "HSV").convert("RGB")), pixels[..., 3:]), axis=-1)


def on_white(
    pixels: np.ndarray, side: int = 58, moved: tuple[int, int] | np.ndarray = (3, 3), mirrored: bool = False
) -> np.ndarray:
    """One RGBA picture `[64, 64, 4]` at a size and place on white, uint8 `[64, 64, 3]`."""
    picture = Image.fromarray(pixels[:, ::-1] if mirrored else pixels, "RGBA")
    picture = picture.resize((side, side), Image.Resampling.LANCZOS)
    ground = Image.new("RGB", (SIDE, SIDE), "white")
    ground.paste(picture, (int(moved[0]), int(moved[1])), picture)
    return np.asarray(ground)
