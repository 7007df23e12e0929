"""The Countdown tab in a browser: the scene agrees with the checker, refusals, many samples, the measurement."""

import re

import pytest
from playwright.sync_api import Page, expect
from token_views import named

from remdm.domains.countdown.domain import verdict
from remdm.domains.countdown.problems import WORDS

PLAYER = "#countdown-player .rp"
expect.set_options(timeout=90_000)


@pytest.fixture
def tab(app, browse):
    page = browse(viewport={"width": 1440, "height": 1000}).new_page()
    page.set_default_timeout(90_000)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(app.address)
    page.get_by_role("tab", name="Countdown").click()
    expect(page.locator("#countdown-run")).to_be_enabled(timeout=90_000)
    yield page
    assert not faults
    page.context.close()


def typed(page: Page, name: str, value: object) -> None:
    field = page.locator(f"#countdown-{name} input[type=number]")
    field.fill(str(value))
    field.blur()


def run(page: Page, prompt: str, steps: int) -> None:
    page.locator("#countdown-prompt textarea").fill(prompt)
    typed(page, "steps", steps)
    before = page.locator(PLAYER).get_attribute("data-run") or ""
    page.locator("#countdown-run").click()
    page.wait_for_selector(f'{PLAYER}[data-run]:not([data-run="{before}"]):not([data-live])')
    expect(page.locator("#countdown-run")).to_have_text("Run")


def test_the_scene_shows_the_problem_and_what_the_checker_says(tab):
    run(tab, "3, 5, 7 = 26", 12)
    expect(tab.locator(".cd-number")).to_have_text(["3", "5", "7"])
    expect(tab.locator(".cd-target")).to_have_text("26")
    chips = [text.strip() for text in tab.locator(f"{PLAYER} .rp-stage .rp-t").all_inner_texts()]
    found = verdict(named(["<pad>" if text == "·" else text for text in chips], WORDS))
    lines = tab.locator(".cd-line")
    expect(lines).to_have_count(len(found.lines))
    for place, line in enumerate(found.lines):
        shown = lines.nth(place)
        assert shown.get_attribute("data-state") == line.state
        assert shown.locator(".cd-mark").inner_text().endswith(line.state)
        assert shown.locator(".cd-message").inner_text() == line.message
        assert tuple(shown.locator(".cd-word").all_inner_texts()) == line.words
    assert tab.locator(".cd-verdict").get_attribute("data-state") == ("right" if found.correct else "wrong")
    tab.locator(f"{PLAYER} input[type=range]").focus()
    tab.keyboard.press("Home")
    expect(tab.locator('.cd-word:not([data-state="masked"])')).to_have_count(0)
    expect(tab.locator(".cd-verdict")).to_have_text("")


def test_a_problem_without_a_solution_gets_one_sentence(tab):
    tab.locator("#countdown-prompt textarea").fill("1, 1, 1 = 60")
    tab.locator("#countdown-run").click()
    said = tab.get_by_test_id("toast-text")
    expect(said).to_have_text(re.compile("^No two equations lead from 1, 1 and 1 to 60"))
    expect(tab.locator("#countdown-run")).to_have_text("Run")


def test_many_samples_draw_their_own_problems_and_stand_in_tiles(tab):
    typed(tab, "count", 6)
    run(tab, "", 11)
    tiles = tab.locator("#countdown-tiles .tile")
    expect(tiles).to_have_count(6)
    problems = tab.locator("#countdown-tiles .cd-tile b").all_inner_texts()
    assert len(set(problems)) > 1
    tiles.nth(4).click()
    expect(tab.locator(".cd-target")).to_have_text(problems[4].split()[-1])
    solved = tab.locator('#countdown-tiles .cd-tile[data-state="right"]').count()
    expect(tab.locator("#countdown-all-numbers")).to_contain_text(f"{solved} of 6")


def test_the_measurement_counts_every_answer_and_can_be_stopped(tab):
    typed(tab, "race-problems", 10)
    typed(tab, "race-steps", 8)
    typed(tab, "race-seeds", 1)
    tab.locator("#countdown-measure").click()
    expect(tab.locator("#countdown-live tbody tr")).to_have_count(4)
    expect(tab.locator("#countdown-measure")).to_have_text("Measure")
    for row in tab.locator("#countdown-live tbody tr").all():
        answers, solved, calls = (row.locator("td").nth(place).inner_text() for place in (2, 3, 4))
        assert answers == "10 of 10" and 0 <= int(solved) <= 10 and 1 <= float(calls) <= 8
        assert row.locator("td").nth(0).inner_text().startswith(f"{10 * int(solved)}.0%")
    typed(tab, "race-problems", 1000)
    typed(tab, "race-steps", 200)
    tab.locator("#countdown-measure").click()
    expect(tab.locator("#countdown-live caption")).to_contain_text("1000 problems")
    tab.locator("#countdown-measure-stop").click()
    expect(tab.locator("#countdown-measure")).to_have_text("Measure")
    expect(tab.locator("#countdown-measure-stop")).to_be_disabled()
