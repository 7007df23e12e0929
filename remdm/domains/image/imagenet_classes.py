"""ImageNet's classes by name."""

from pathlib import Path

_FILE = Path(__file__).with_name("imagenet_classes.txt")

NAMES: tuple[str, ...] = tuple(
    line for line in _FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
)
"""The 1,000 names; a class's label is its place."""
LABELS: dict[str, int] = {name: label for label, name in enumerate(NAMES)}
ANY = "any"
"""No class: what comes without a condition."""
