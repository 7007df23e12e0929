"""What the best settings of a domain are: the figure that counts, and how much variety must be left."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Goal:
    """The figure that counts, by its column in the results file.

    Attributes:
        column: its name. lower: whether less is better.
        floors: figures of variety -> the share of MDLM's at the same T that must be left, since a sampler that says
            the same few things over and over can be right very often (arXiv 2503.00307, Table 5).
    """

    column: str
    lower: bool = False
    floors: Mapping[str, float] = field(default_factory=dict)

    def merit(self, value: float) -> float:
        """More is better."""
        return -value if self.lower else value

    def varied(self, own: Mapping[str, float], plain: Mapping[str, float]) -> bool:
        """Whether a cell's figures keep every floor that MDLM's figures set; a figure that is missing sets none."""
        return all(
            own[name] >= share * plain[name] for name, share in self.floors.items() if name in own and name in plain
        )


GOALS: dict[str, Goal] = {
    "text": Goal("correct", floors={"token_entropy": 0.98, "distinct": 0.95, "state_entropy": 0.9}),
    "image": Goal("frechet", lower=True, floors={"score": 0.9}),
    "molecule": Goal("novel", floors={"unique": 0.95}),
    "countdown": Goal("solved"),
}
"""By domain. The entropy of the state is that of plot, hero and key object over all stories. Novel molecules are
different ones already, and the distance of pictures counts variety too."""
