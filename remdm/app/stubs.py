"""Gradio writes a type stub next to every component's source each time it is imported: a second of the page's start."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def unwritten() -> Iterator[None]:
    """Import Gradio within this to leave the stubs out: it writes none for a class that lies in no file.

    Gradio has no switch for it. Should it ever ask in another way, the page only starts as slowly as before.
    """
    found = inspect.getfile

    def getfile(object: Any) -> str:  # the name that inspect gives it
        if type(object).__name__ == "ComponentMeta":
            raise OSError("no stub is wanted")
        return found(object)

    inspect.getfile = getfile
    try:
        yield
    finally:
        inspect.getfile = found
