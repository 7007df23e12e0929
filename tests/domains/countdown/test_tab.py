"""The Countdown tab in a browser: the scene agrees with the checker, refusals, many samples, the measurement."""

import pytest
from playwright.sync_api import expect
from studio import Studio
from token_views import named

from remdm.domains.countdown.domain import verdict
from remdm.domains.countdown.problems import WORDS


@pytest.fixture
def studio(shared):
    tab = shared("countdown")
    yield tab
    assert tab.faults == []


def run(studio: Studio, prompt: str, steps: int, count: int = 1) -> None:
    studio.prompt(prompt)
    studio.typed("steps", steps)
    studio.typed("count", count)
    studio.run()


def test_the_scene_shows_the_problem_and_what_the_checker_says(studio):
    run(studio, "3, 5, 7 = 26", 12)
    tab = studio.page
    expect(studio.player.locator(".cd-number")).to_have_text(["3", "5", "7"])
    expect(studio.player.locator(".cd-target")).to_have_text("26")
    chips = [text.strip() for text in tab.locator(f"{studio.selector} .rp-stage .rp-t").all_inner_texts()]
    found = verdict(named(["<pad>" if text == "·" else text for text in chips], WORDS))
    lines = studio.player.locator(".cd-line")
    expect(lines).to_have_count(len(found.lines))
    for place, line in enumerate(found.lines):
        shown = lines.nth(place)
        assert shown.get_attribute("data-state") == line.state
        assert shown.locator(".cd-mark").inner_text().endswith(line.state)
        assert shown.locator(".cd-message").inner_text() == line.message
        assert tuple(shown.locator(".cd-word").all_inner_texts()) == line.words
    assert studio.player.locator(".cd-verdict").get_attribute("data-state") == ("right" if found.correct else "wrong")
    tab.locator(f"{studio.selector} input[type=range]").focus()
    tab.keyboard.press("Home")
    expect(studio.player.locator('.cd-word:not([data-state="masked"])')).to_have_count(0)
    expect(studio.player.locator(".cd-verdict")).to_have_text("")


def test_a_problem_without_a_solution_gets_one_sentence(studio):
    studio.prompt("1, 1, 1 = 60")
    studio.part("run").click()
    assert studio.refused().startswith("No two equations lead from 1, 1 and 1 to 60")
    studio.ready()


def test_many_samples_draw_their_own_problems_and_stand_in_tiles(studio):
    run(studio, "", 11, count=6)
    tab = studio.page
    tiles = tab.locator("#countdown-tiles .tile")
    expect(tiles).to_have_count(6)
    problems = tab.locator("#countdown-tiles .cd-tile b").all_inner_texts()
    assert len(set(problems)) > 1
    tiles.nth(4).click()
    expect(studio.player.locator(".cd-target")).to_have_text(problems[4].split()[-1])
    solved = tab.locator('#countdown-tiles .cd-tile[data-state="right"]').count()
    expect(tab.locator("#countdown-all-numbers")).to_contain_text(f"{solved} of 6")


def test_the_measurement_counts_every_answer_and_can_be_stopped(studio):
    tab = studio.page
    studio.show("Measure")
    studio.show("Samplers on Countdown")
    studio.typed("race-problems", 10)
    studio.typed("race-steps", 8)
    studio.typed("race-seeds", 1)
    tab.locator("#countdown-measure").click()
    expect(tab.locator("#countdown-live tbody tr")).to_have_count(4)
    expect(tab.locator("#countdown-measure")).to_have_text("Measure")
    for row in tab.locator("#countdown-live tbody tr").all():
        answers, solved, calls = (row.locator("td").nth(place).inner_text() for place in (2, 3, 4))
        assert answers == "10 of 10" and 0 <= int(solved) <= 10 and 1 <= float(calls) <= 8
        assert row.locator("td").nth(0).inner_text().startswith(f"{10 * int(solved)}.0%")
    studio.typed("race-problems", 1000)
    studio.typed("race-steps", 200)
    tab.locator("#countdown-measure").click()
    expect(tab.locator("#countdown-live caption")).to_contain_text("1000 problems")
    tab.locator("#countdown-measure-stop").click()
    expect(tab.locator("#countdown-measure")).to_have_text("Measure")
    expect(tab.locator("#countdown-measure-stop")).to_be_disabled()
