"""The scene that a tab opens with: a recorded pair that makes the point, whole on the screen, and true of live runs."""

import json

import pytest
from playwright.sync_api import expect

from remdm.app.samples import checked
from remdm.app.workbench.opening import FOLDER, opening, trace_file
from remdm.domains.registry import DOMAINS
from remdm.models.checkpoints import recommended
from remdm.runs.branch import BranchRequest, pane
from remdm.runs.request import RunRequest
from remdm.runs.trace import load
from remdm.sampling.methods import settings

INDEX = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
BOARD = "#text-compare .rp-compare"


@pytest.mark.parametrize("name", INDEX)
def test_a_pair_is_what_its_index_says_and_only_its_last_lane_repairs_its_errors(name):
    about, errors = INDEX[name], []
    for lane, told in enumerate(about["lanes"]):
        sample = checked(DOMAINS[name], load(trace_file(FOLDER, name, lane)))
        run = sample.trace.run
        assert (run["model"], run["seed"], run["steps"]) == (about["model"], about["seed"], about["steps"])
        assert run["sampler"] == told["sampler"] and told["settings"].items() <= run["settings"].items()
        assert run["coupled"], "both lanes draw the same random numbers"
        errors.append(sample.errors)
    plain, remasked = errors
    assert plain[-1] > 0 == remasked[-1] and max(remasked) > 0
    message = json.loads(opening(DOMAINS[name]))
    assert message["headline"] == about["headline"] and [each["about"] for each in message["panes"]]


def test_a_domain_without_a_pair_opens_with_none():
    assert "image" not in INDEX and opening(DOMAINS["image"]) is None


@pytest.mark.slow
def test_the_recommended_settings_leave_fewer_errors_than_mdlm_on_seven_of_eight_seeds():
    domain = DOMAINS["text"]
    model = domain.models[0]
    best = recommended(model.name)
    chosen = [settings(**best), settings("mdlm", best["steps"])]

    def left(seed, settings):
        request = RunRequest(domain, model, "", model.length, settings, seed)
        *_, last = pane(BranchRequest(request)).steps()
        return len(last.issues)

    counts = [[left(seed, each) for each in chosen] for seed in range(1, 9)]
    assert sum(remasked < plain for remasked, plain in counts) >= 7, counts


def inside(page, locator):
    box, size = locator.bounding_box(), page.viewport_size
    within = box["x"] >= 0 and box["x"] + box["width"] <= size["width"]
    return within and box["y"] >= 0 and box["y"] + box["height"] <= size["height"]


@pytest.fixture
def arrived(app, browse):
    """Opens the page as it is on arrival; nothing may go wrong on it."""
    faults, contexts = [], []

    def go(width, height, **more):
        contexts.append(browse(viewport={"width": width, "height": height}, **{"reduced_motion": "reduce", **more}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.goto(app.address)
        page.wait_for_selector(f"{BOARD}[data-steps='128']:not([data-live])")
        return page

    yield go
    for each in contexts:
        each.close()
    assert faults == []


@pytest.mark.parametrize("size", [(1440, 900), (1920, 1080), (1280, 720)])
def test_slider_tokens_and_maps_of_both_lanes_are_on_the_screen(arrived, size):
    page = arrived(*size)
    board = page.locator(BOARD)
    expect(board.locator('[data-role="lane"]')).to_have_count(2)
    for role in ("slider", "tokens", "heatmap"):
        for each in board.locator(f'[data-role="{role}"]').all():
            assert inside(page, each), role
    errors = board.locator('[data-role="errors"]')
    expect(errors.nth(1)).to_have_text("0")
    assert int(errors.nth(0).inner_text()) > 0
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_pair_plays_by_itself_lingers_at_errors_and_says_what_happens(arrived):
    page = arrived(1440, 900, reduced_motion="no-preference")
    page.wait_for_function(f"+document.querySelector('{BOARD}').dataset.step > 5")
    born = page.evaluate(f"document.querySelector('{BOARD}').__compare.happened.find((each) => each.born).at")
    page.locator(f'{BOARD} [data-role="slider"]').fill(str(born))
    expect(page.locator(f"{BOARD} .ln-caption")).to_contain_text(f"Step {born}")
    page.keyboard.press("e")
    page.wait_for_function(f"+document.querySelector('{BOARD}').dataset.step > {born}")
    heights = [page.locator(f'{BOARD} [data-role="heatmap"]').first.bounding_box()["y"] for _ in range(2)]
    page.locator(f'{BOARD} [data-role="slider"]').fill("20")
    page.wait_for_selector(f"{BOARD}[data-step='20']")
    assert page.locator(f'{BOARD} [data-role="heatmap"]').first.bounding_box()["y"] == heights[0], "nothing jumps"


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_a_token_shows_its_life_within_the_screen(arrived, size):
    page = arrived(*size)
    token = page.locator(f"{BOARD} [data-role=token][data-state=kept]:visible").nth(20)
    token.click()
    popover = page.locator(f'{BOARD} [data-role="popover"]')
    expect(popover).to_contain_text("decoded")
    assert inside(page, popover)
    page.keyboard.press("Escape")
    expect(popover).to_be_hidden()


def test_a_phone_shows_one_lane_at_a_time_at_the_same_step(arrived):
    page = arrived(390, 844)
    lanes = page.locator(f'{BOARD} [data-role="lane"]')
    expect(lanes.nth(0)).to_be_visible()
    expect(lanes.nth(1)).to_be_hidden()
    page.locator(f"{BOARD} .ln-switch button").nth(1).click()
    expect(lanes.nth(1)).to_be_visible()
    expect(lanes.nth(0)).to_be_hidden()
    assert page.locator(BOARD).get_attribute("data-step") == "128"


def test_another_pair_is_written_from_another_seed_and_the_settings_stand_in_a_drawer(arrived):
    page = arrived(1440, 900)
    seed = page.locator("#text-seed input")
    expect(seed).to_be_hidden()
    page.locator("#text-drawer").click()
    expect(seed).to_have_value("7")
    page.locator("#text-steps input[type=number]").fill("12")
    page.locator("#text-steps input[type=number]").blur()
    page.locator("#text-drawer").click()
    expect(seed).to_be_hidden()
    page.locator("#text-compare-another").click()
    page.wait_for_selector(f"{BOARD}[data-live]")
    page.wait_for_selector(f"{BOARD}:not([data-live])")
    names = page.locator(f"{BOARD} .rp-pane-head h4").all_inner_texts()
    assert names == ["A MDLM", "B ReMDM-rescale"]
    assert page.locator("#text-seed input").input_value() != "7"
