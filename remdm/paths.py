"""Where the embedded models and the page's files lie: inside an installed package, or at the top of the repository."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


ASSETS, CHECKPOINTS = _folder("assets"), _folder("checkpoints")
