"""What can be asked of the embedded picture model: its categories and styles, as its own tokenizer names them.

So an older checkpoint keeps its categories whatever the next one is trained on.
"""

import json
from pathlib import Path

from remdm.domains.image import emoji
from remdm.models.checkpoints import ROOT

NOTHING = emoji.NOTHING


def stated(folder: Path) -> tuple[str, ...]:
    """The words after the mask in a checkpoint's tokenizer: categories, styles, and neither; ours if there is none."""
    try:
        vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
        words = sorted(vocabulary, key=vocabulary.__getitem__)
        return tuple(words[words.index("<mask>") + 1 :])
    except (OSError, ValueError, KeyError, TypeError):
        return emoji.CONDITIONS  # loading the model says what is wrong


CONDITIONS = stated(ROOT / "emoji")
STYLES = tuple(word for word in CONDITIONS if word in emoji.STYLES)
NAMES = tuple(word for word in CONDITIONS if word not in (*emoji.STYLES, NOTHING))
