"""What the checker says of a story: its sentences, what is wrong with them, and what it is about."""

from collections.abc import Mapping
from dataclasses import dataclass

from remdm.runs.tokens import Issue

OK, OPEN, ERROR = "ok", "open", "error"


@dataclass(frozen=True)
class Span:
    """One sentence, `start` to `stop` (exclusive).

    `status` is ok, open (it holds a masked position) or error; `event` is what it tells, None where it could not
    be read; `parsed` says that the grammar reads it word for word, whatever it says of the story.
    """

    start: int
    stop: int
    status: str
    event: str | None
    parsed: bool


@dataclass(frozen=True)
class Report:
    """The check of one story.

    Positions count from its first word. `state` holds the roles that could be recovered (the truth of the story),
    `plot` its plot if any sentence tells one, `key` the value of the object the plot is about. `perfect` means
    complete and without any issue.
    """

    sentences: tuple[Span, ...]
    issues: tuple[Issue, ...]
    plot: str | None
    key: str | None
    state: Mapping[str, str]
    perfect: bool
