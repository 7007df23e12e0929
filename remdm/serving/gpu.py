"""ZeroGPU: a Space lends its GPU for the time of one call. Elsewhere the decorator does nothing."""

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable)

try:
    import spaces
except ImportError:
    spaces = None


def lend(duration: Callable[..., int]) -> Callable[[F], F]:
    """Run the decorated generator on a lent GPU for at most `duration(...)` seconds of its own arguments."""
    return spaces.GPU(duration=duration) if spaces else lambda function: function
