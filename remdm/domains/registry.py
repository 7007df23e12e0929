"""The domains: the one place that names them.

A domain is one folder here and one word below. Its `domain.py` says what a token means; what else it has is found by
the module's name: `measure` (its figures), `train` (its embedded models), `tab` (more on its tab than a workbench).
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a machine that trains need not have what draws, measures and shows
    from remdm.evaluation.measurement import Measurement
    from remdm.runs.domain import Domain
    from remdm.training.loop import Trainer

NAMES = ("text", "image", "molecule", "countdown")
"""In the order of the page's tabs."""


def role(domain: str, name: str) -> ModuleType | None:
    """A module of a domain by its role, None where the domain does not have it."""
    dotted = f"{__package__}.{domain}.{name}"
    return import_module(dotted) if find_spec(dotted) else None


def _each(name: str, attribute: str) -> dict[str, Any]:
    """An attribute of that role's module, by domain, for the domains that have the role."""
    modules = {domain: role(domain, name) for domain in NAMES}
    return {domain: getattr(module, attribute) for domain, module in modules.items() if module}


@cache
def domains() -> "dict[str, Domain]":
    """Every domain by the name it has in flags and addresses; to others it is `DOMAINS`."""
    return _each("domain", "DOMAIN")


def __getattr__(name: str) -> "dict[str, Domain]":
    """`DOMAINS`, made when it is first asked for: training needs neither a page nor what draws samples."""
    if name == "DOMAINS":
        return domains()
    raise AttributeError(f"module {__name__} has no attribute {name}")


@cache
def measurements() -> "dict[str, Measurement]":
    """What each domain measures, by domain."""
    return _each("measure", "MEASUREMENT")


def trainers(domain: str) -> "dict[str, Trainer]":
    """A domain's embedded models that can be trained, by name; the first is its default."""
    module = role(domain, "train")
    return module.TRAINERS if module else {}


@cache
def tabs() -> dict[str, Callable[..., Any]]:
    """What builds a domain's tab, for domains whose tab has more on it than a workbench."""
    return _each("tab", "TAB")
