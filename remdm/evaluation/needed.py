"""Packages that only some measurements take, and that the app does without."""

import importlib.util


def need(what: str, install: str, *packages: str) -> None:
    """Raise ValueError, in one sentence, if one of the packages is not installed."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"{what} needs {', '.join(missing)}, not installed here: run `{install}`")
