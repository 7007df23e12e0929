"""A figure with its 95% interval, and the one notation for both."""

from collections.abc import Mapping
from dataclasses import dataclass

Row = Mapping[str, str]


def figure(value: float, spec: str = "") -> str:
    """A number by a format of Python's, such as `.1%` or `+.2f`; by none with three significant digits."""
    if spec:
        return f"{value:{spec}}"
    return f"{value:#.3g}" if abs(value) < 99.95 else f"{value:,.0f}"


@dataclass(frozen=True)
class Interval:
    """A figure with its 95% interval; the value alone, with equal ends, where it has none."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """`61.2% (58.0 to 64.4)`, each number as `figure` prints it, the unit once."""
        value, low, high = (figure(each, spec) for each in (self.value, self.low, self.high))
        return value if self.low == self.high else f"{value} ({low.rstrip('%')} to {high.rstrip('%')})"

    def __str__(self) -> str:
        return format(self)

    def __neg__(self) -> "Interval":
        return Interval(-self.value, -self.high, -self.low)

    @classmethod
    def around(cls, figure: "Interval | float") -> "Interval":
        """A figure that may be a bare number, which has no interval."""
        return figure if isinstance(figure, Interval) else cls(float(figure), float(figure), float(figure))

    @classmethod
    def of(cls, row: Row, name: str) -> "Interval":
        """A figure of a results file, whose ends stand in columns of their own; its value alone where they are not."""
        return cls(*(float(row.get(each) or row[name]) for each in ends(name)))


def ends(name: str) -> tuple[str, str, str]:
    """The columns of a figure with an interval."""
    return name, f"{name}_low", f"{name}_high"
