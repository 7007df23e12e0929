"""How stories lie on their positions: what is laid out is read off again, and masks never make an error."""

import random

import pytest
import torch

from remdm.domains.text.domain import issues_of, story_start, story_text
from remdm.domains.text.storyworld import generate, lines
from remdm.models.checkpoints import load_embedded
from remdm.models.network import compute


def test_what_is_laid_out_is_read_off_again():
    for seed in range(400):
        story = generate(seed)
        laid = lines.lay_out(story.sentences)
        assert len(laid) == lines.LENGTH and laid[0] == lines.BOS and laid.count(lines.EOS) == 1
        words, places = lines.read_off(laid)
        assert tuple(words) == story.words and [laid[place] for place in places] == words
        assert [tuple(each) for each in lines.sentences_of(story.words)] == list(story.sentences)


def test_every_sentence_begins_a_line():
    for seed in range(200):
        story = generate(seed)
        laid = lines.lay_out(story.sentences)
        begins = {place for place in range(0, lines.LENGTH, lines.WIDTH)}
        for sentence in story.sentences[1:]:
            assert any(tuple(laid[place : place + len(sentence)]) == sentence for place in begins), (sentence, laid)


def test_a_story_without_room_is_refused():
    assert lines.fits([["word"] * 158]) and not lines.fits([["word"] * 159])
    with pytest.raises(ValueError, match="takes 161 positions, but there are 160"):
        lines.lay_out([["word"] * 159])


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9])
def test_masks_never_make_an_error(share):
    source = random.Random(share)
    for seed in range(150):
        laid = lines.lay_out(generate(seed, source.choice(("train", "heldout"))).sentences)
        assert issues_of(laid) == ()
        masked = [None if source.random() < share else word for word in laid]
        assert issues_of(masked) == (), (seed, masked)


def test_a_wrong_word_is_blamed_at_its_position():
    source, seen = random.Random(2), 0
    for seed in range(100):
        story = generate(seed)
        laid = lines.lay_out(story.sentences)
        place = source.choice([at for at, word in enumerate(laid) if word not in (lines.BOS, lines.EOS, lines.PAD)])
        if laid[place] in lines.STOPS:
            continue
        issues = issues_of([*laid[:place], "planet", *laid[place + 1 :]])
        seen += any(place in issue.positions for issue in issues)
        assert issues
    assert seen > 80


def test_words_that_are_not_known_are_blamed_and_nothing_raises():
    """As in an opened trace, whose table of words may lack some."""
    source = random.Random(4)
    for seed in range(100):
        laid = lines.lay_out(generate(seed).sentences)
        words = [source.choice(["", "²", "<b>"]) if source.random() < 0.1 else word for word in laid]
        issues = issues_of(words)
        assert issues and all(0 <= place < lines.LENGTH for issue in issues for place in issue.positions)


def test_a_whole_line_is_checked_while_the_rest_is_masked():
    laid = lines.lay_out(generate(3).sentences)
    alone = [word if place < lines.WIDTH else None for place, word in enumerate(laid)]
    assert issues_of(alone) == ()
    alone[3] = "planet"
    assert any(3 in issue.positions for issue in issues_of(alone))


def start(prompt):
    model = load_embedded("stories", compute("cpu"))
    ids = story_start(prompt, lines.LENGTH, model)
    assert ids.shape == (lines.LENGTH,) and ids.dtype == torch.int64
    return [None if token == model.mask_id else model.tokenizer.id_to_token(token) for token in ids.tolist()], model


def test_a_prompt_lies_as_stories_do():
    words, _ = start("Tom had a red kite. Ella saw it. ...")
    assert words[:7] == ["<bos>", "Tom", "had", "a", "red", "kite", "."] and set(words[7:16]) == {"<pad>"}
    assert words[16:20] == ["Ella", "saw", "it", "."] and set(words[20:32]) == {"<pad>"}
    assert set(words[32:]) == {None}


def test_a_sentence_goes_on_where_it_breaks_off():
    words, _ = start("Tom had a ...")
    assert words[1:4] == ["Tom", "had", "a"] and set(words[4:]) == {None}


def test_blanks_are_masks_and_the_end_is_given():
    words, model = start("_ had a _2.")
    assert words[:8] == ["<bos>", None, "had", "a", None, None, ".", "<eos>"] and set(words[8:]) == {"<pad>"}
    given = [model.tokenizer.token_to_id(word) for word in words if word]
    assert story_text(given, model) == "had a."
