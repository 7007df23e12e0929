"""What Gradio does at each import for whoever writes with it, and what the page starts faster without."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import jinja2


@contextmanager
def unwritten() -> Iterator[None]:
    """Import Gradio within this: it writes no type stubs (a second), and reads the help of an event once (0.2 s).

    It writes none for a class that lies in no file, and reads the help of an event anew for each kind of component.
    Gradio has no switch for either. Should it ever ask in another way, the page only starts as slowly as before.
    """
    found, template = inspect.getfile, jinja2.Template

    def getfile(object: Any) -> str:  # the name that inspect gives it
        if type(object).__name__ == "ComponentMeta":
            raise OSError("no stub is wanted")
        return found(object)

    inspect.getfile, jinja2.Template = getfile, cache(template)  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        inspect.getfile, jinja2.Template = found, template  # type: ignore[misc]
