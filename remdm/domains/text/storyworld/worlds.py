"""The worlds that stories come from: what can happen in them, how it is told, and how long a story is."""

from dataclasses import dataclass
from functools import cached_property

from remdm.domains.text.storyworld.grammar import Paraphrase, Sentence, fillings, is_slot, paraphrases
from remdm.domains.text.storyworld.lines import LENGTH
from remdm.domains.text.storyworld.plots import CHAPTERS, PLOTS, Plot


@dataclass(frozen=True, eq=False)
class World:
    """A world: its plots, the files that tell its events, and the positions of a story."""

    plots: tuple[Plot, ...]
    files: tuple[str, ...]
    length: int

    @cached_property
    def paraphrases(self) -> dict[str, tuple[Paraphrase, ...]]:
        """The ways to tell each event."""
        return {event: told for file in self.files for event, told in paraphrases(file).items()}

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        return tuple(s for group in self.paraphrases.values() for p in group for s in (*p.named, *p.pronoun))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The vocabulary, sorted: every word and punctuation mark that a story can hold."""
        found: set[str] = set()
        for sentence in self.sentences:
            for part in sentence.parts:
                found.update(fillings(part) if is_slot(part) else (part,))
        return tuple(sorted(found))


STORIES = World(PLOTS, ("events.txt",), LENGTH)
LONG = World(CHAPTERS, ("events.txt", "chapter_events.txt"), 2 * LENGTH)
"""Stories of two chapters: the second one goes on in the state in which the first one ended."""


def world_of(length: int) -> World:
    """The world whose stories have so many positions; a length between belongs to the longer ones."""
    return STORIES if length <= STORIES.length else LONG
