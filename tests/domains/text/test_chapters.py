"""Stories of two chapters: what the first one settled holds in the second, and the checker sees where it does not."""

import random
from collections import Counter

import pytest

from remdm.domains.text.checker import check, world_entropy
from remdm.domains.text.checker.index import index
from remdm.domains.text.checker.reading import read
from remdm.domains.text.checker.truth import PRONOUNS
from remdm.domains.text.domain import SPECIALS, issues_of
from remdm.domains.text.story_ids import shared_out, story_ids
from remdm.domains.text.storyworld import LONG, STORIES, Story, generate, held_out, lines, text, world_of
from remdm.domains.text.storyworld.grammar import fillings, is_slot, slot

CHAPTER = STORIES.length
KINDS = {
    "colour": "colour", "colour2": "colour", "thing": "object", "thing2": "object", "animal": "object",
    "food": "object", "n": "count", "day": "day", "weather": "weather", "place": "place", "spot": "spot",
    "hero": "name", "friend": "name", "grown": "name",
}  # fmt: skip
"""Which kind of error a wrong value of a role is."""


def laid(story: Story) -> list[str | None]:
    return lines.lay_out(story.sentences, LONG.length)


def facts(story: Story) -> list[tuple[int, str, str]]:
    """The words that tell a role's values apart: position, role, part."""
    _, places = lines.read_off(laid(story))
    found = []
    for piece in read(story.words, LONG):
        for offset, part in enumerate(piece.fits[0].sentence.parts):
            if is_slot(part) and slot(part)[1] not in PRONOUNS | {"a", "were"}:
                found.append((places[piece.start + offset], slot(part)[0], part))
    return found


def spoilt(story: Story, place: int, role: str, part: str, source: random.Random) -> None:
    """Put a word of another value at a position of a story: that is one error of its kind, right there."""
    words = laid(story)
    others = [word for word in sorted(fillings(part)) if word != words[place] and word not in story.state.values()]
    words[place] = source.choice(others)
    kind = "young" if slot(part)[1] == "young" else KINDS[role]
    assert [(issue.kind, issue.positions) for issue in issues_of(words)] == [(kind, (place,))], (
        role,
        laid(story),
        words,
    )


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_generated_stories_are_perfect(split):
    for seed in range(500):
        story = generate(seed, split, LONG)
        report = check(story.words, LONG)
        assert report.perfect, (text(story.words), report.issues)
        assert report.plot == story.plot and tuple(span.event for span in report.sentences) == story.events
        assert all(story.state[role] == value for role, value in report.state.items())
        key = next(plot.key for plot in LONG.plots if plot.name == story.plot)
        assert held_out(story.plot, story.state["hero"], story.state[key]) == (split == "heldout")


def test_every_pair_of_plots_is_told_and_every_sentence_reads_one_way():
    assert {generate(seed, world=LONG).plot for seed in range(3000)} == {plot.name for plot in LONG.plots}
    assert len(set(index(LONG).families)) == len(LONG.sentences)


def test_the_second_chapter_begins_in_the_middle_and_is_read_off_again():
    for seed in range(200):
        story = generate(seed, world=LONG)
        words = laid(story)
        assert len(words) == LONG.length and words[CHAPTER] == lines.HEADING and words.count(lines.HEADING) == 1
        read_off, places = lines.read_off(words)
        assert tuple(read_off) == story.words and [words[place] for place in places] == read_off
        assert issues_of(words) == ()


def test_a_word_of_the_second_chapter_that_contradicts_the_first_is_found():
    seen: Counter[str] = Counter()
    for seed in range(5000, 5400):
        story, source = generate(seed, world=LONG), random.Random(seed)
        found = facts(story)
        before = {role for place, role, _ in found if place < CHAPTER}
        after = Counter(role for place, role, _ in found if place >= CHAPTER)
        # what the second chapter says once, and the first one said before
        options = [
            fact for fact in found if fact[0] >= CHAPTER and fact[1] in KINDS.keys() & before and after[fact[1]] == 1
            and not slot(fact[2])[1].startswith(("#", "own"))
        ]  # fmt: skip
        if options:
            place, role, part = source.choice(options)
            spoilt(story, place, role, part, source)
            seen[role] += 1
    assert len(seen) >= 8 and seen.total() > 300


def test_a_word_of_the_first_chapter_is_outvoted_by_the_second():
    seen: Counter[str] = Counter()
    for seed in range(6000, 6400):
        story, source = generate(seed, world=LONG), random.Random(seed)
        found = facts(story)
        before = Counter(role for place, role, _ in found if place < CHAPTER)
        after = Counter(role for place, role, _ in found if place >= CHAPTER)
        for place, role, part in found:
            if place < CHAPTER and role in KINDS and before[role] == 1 < after[role] and slot(part)[1][0] != "#":
                spoilt(story, place, role, part, source)
                seen[role] += 1
    assert len(seen) >= 4 and seen.total() > 100


def test_a_second_chapter_after_another_first_one_is_found():
    for seed in range(60):
        one, other = laid(generate(seed, world=LONG)), laid(generate(seed + 1000, world=LONG))
        assert issues_of(one[:CHAPTER] + other[CHAPTER:])


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9])
def test_masks_never_make_an_error(share):
    source = random.Random(share)
    for seed in range(100):
        words = [None if source.random() < share else word for word in laid(generate(seed, world=LONG))]
        assert issues_of(words) == (), (seed, words)


def test_garbage_never_raises():
    source = random.Random(6)
    likely = [*LONG.words, *[".", "!", "“", "”", *SPECIALS] * 20, None, "²"]
    for _ in range(40):
        issues = issues_of([source.choice(likely) for _ in range(LONG.length)])
        assert all(0 <= place < LONG.length for issue in issues for place in issue.positions)


@pytest.mark.parametrize("processes", [1, 3])
def test_a_story_is_the_same_whoever_makes_it(processes):
    made = shared_out(processes, LONG)
    assert (made(40, 7) == story_ids(LONG, "train", 40, 7)).all()
    assert (made(44, 2) == story_ids(LONG, "train", 40, 7)[4:6]).all()


def test_the_worlds_differ_in_length_words_and_entropy():
    assert set(STORIES.words) < set(LONG.words) and len(STORIES.words) == 609
    assert world_of(CHAPTER) is STORIES and world_of(LONG.length) is LONG
    assert world_entropy(200, LONG)["plot"] > world_entropy(200, STORIES)["plot"]
