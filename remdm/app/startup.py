"""What Gradio does for whoever writes with it, and what the page starts faster without."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import jinja2


@contextmanager
def without_stubs() -> Iterator[None]:
    """Import Gradio within this: it writes no type stubs (a second), and reads the help of an event once (0.1 s).

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


def remember_signatures(kind: type) -> None:
    """Keep what the constructors of `kind` and of all below it take, where `inspect` looks for it first.

    Gradio asks for it when a component is made, when the page is described, and for all components at each visit.
    """
    made = inspect.unwrap(kind.__init__)  # type: ignore[misc]
    if "__init__" in vars(kind):
        made.__signature__ = inspect.signature(made)  # type: ignore[attr-defined]
    below: list[type] = kind.__subclasses__()
    for each in below:
        remember_signatures(each)
