"""The plots: which events follow which.

A plot is a sequence of steps, a step a choice between chains of events; the empty chain leaves it out. So the
order of events, what may be missing and what excludes what can all be read off, by generator and checker.
"""

from dataclasses import dataclass, field

Step = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class Plot:
    """A plot: its steps, the role of the object it is about, and roles drawn from fewer values."""

    name: str
    key: str
    steps: tuple[Step, ...]
    limits: dict[str, tuple[str, ...]] = field(default_factory=dict)


def _step(text: str) -> Step:
    """`lose ask | lose` is a choice of two chains; `-` is the empty chain."""
    return tuple(tuple(word for word in chain.split() if word != "-") for chain in text.split("|"))


def _plot(name: str, key: str, *steps: str, **limits: tuple[str, ...]) -> Plot:
    return Plot(name, key, tuple(_step(step) for step in steps), limits)


PLOTS: tuple[Plot, ...] = (
    _plot("lost", "thing", "setting", "sky|-", "have", "lose", "upset|-", "search", "ask|-", "find",
          "thank", "glad|-", "close"),
    _plot("share", "food", "setting", "sky|-", "basket", "hungry", "give", "left", "eat|-", "kind", "close"),
    _plot("animal", "animal", "setting", "sky|-", "hear", "see", "upset|-", "fetch", "help", "mother", "safe",
          "proud|glad|-", "close"),
    _plot("present", "thing", "party", "sky|-", "wish", "upset|-", "make", "paint", "wrap|-", "unwrap", "joy",
          "owner|close|owner close"),
    _plot("race", "thing", "setting", "sky|-", "challenge", "prize", "start", "fall", "stop", "finish",
          "award", "close"),
    _plot("box", "thing", "setting", "sky|-", "box", "locked", "upset|-", "key", "open", "inside", "keep|-",
          "play", "close"),
    _plot("trade", "thing", "setting", "sky|-", "have", "other", "want", "offer", "agree", "swap", "enjoy|-",
          "close"),
    _plot("quarrel", "thing", "setting", "sky|-", "both", "shout", "upset|-|apart", "advise", "sorry",
          "peace", "turns", "glad|-", "close"),
    _plot("plant", "plant", "setting", "seed", "sow", "wait", "upset|-", "patience", "sprout", "grow",
          "harvest", "gift", "pride", weather=("sunny", "windy", "rainy")),
    _plot("hide", "animal", "setting", "sky|-", "suggest", "count", "hide", "seek", "hint", "spy", "laugh",
          "again|-", "close"),
)  # fmt: skip

_SECOND: dict[str, tuple[str, ...]] = {
    "lost": ("have", "lose", "upset|-", "search", "find", "thank"),
    "share": ("basket", "hungry", "give", "left", "eat|-", "kind"),
    "animal": ("hear", "see", "fetch", "help", "mother", "safe"),
    "race": ("challenge", "prize", "start|-", "fall", "stop", "finish", "award"),
    "box": ("box", "locked", "key", "open", "inside", "play"),
    "trade": ("have", "other", "want", "offer", "agree", "swap"),
    "quarrel": ("both", "shout", "advise", "sorry", "peace", "turns"),
    "hide": ("suggest", "count", "hide", "seek", "hint", "spy", "laugh|-"),
}
"""What may happen in a second chapter, besides what it says of the first."""

_FOLLOWERS = {
    "lost": "share animal quarrel hide", "share": "lost animal race box trade quarrel hide",
    "animal": "lost share race box trade quarrel", "present": "share animal hide", "race": "share animal quarrel hide",
    "box": "share animal quarrel hide", "trade": "share animal hide", "quarrel": "share animal hide",
    "plant": "lost animal race box trade quarrel hide", "hide": "lost share race box trade quarrel",
}  # fmt: skip
"""Which second chapters do not undo what a first one settled: each role keeps its value through both."""


def _two_chapters(first: Plot, second: str) -> Plot:
    told = ("chapter", "change|-", f"{first.name}_before", *_SECOND[second], f"{first.name}_after", "end|-")
    return Plot(f"{first.name}, {second}", first.key, first.steps + tuple(map(_step, told)), first.limits)


CHAPTERS: tuple[Plot, ...] = tuple(
    _two_chapters(first, second) for first in PLOTS for second in _FOLLOWERS[first.name].split()
)
"""The plots of stories of two chapters: a plot above, what followed from it, and another one's events."""
