"""The scene that a tab opens with: a recorded pair that makes the point, whole on the screen, and true of live runs."""

import json
import re
from functools import cache

import pytest
import torch
from playwright.sync_api import expect
from studio import appears

from remdm.app.samples import checked
from remdm.app.workbench.opening import FOLDER, opening, trace_file
from remdm.domains.image import emoji
from remdm.domains.image.domain import classifier, drawn
from remdm.domains.registry import DOMAINS
from remdm.models.checkpoints import recommended
from remdm.models.vq import as_input
from remdm.runs.branch import BranchRequest, pane
from remdm.runs.record import Batch
from remdm.runs.request import RunRequest
from remdm.runs.trace_file import load
from remdm.sampling.methods import settings

INDEX = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
BOARD = "#text-player .rp"


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
        assert any(step.remasked for step in sample.trace.steps) == (lane == 1)
    plain, remasked = errors
    if plain is not None:
        assert plain[-1] > 0 == remasked[-1] and max(remasked) > 0
    message = json.loads(opening(DOMAINS[name]).message)
    assert message["headline"] == about["headline"] and [each["about"] for each in message["panes"]]


def test_the_pair_of_pictures_shows_what_was_asked_for_the_second_at_least_as_surely():
    """What can be seen, that one face has two mouths and the other has one, no checker here can tell."""
    finals = [load(trace_file(FOLDER, "image", lane)).final for lane in range(2)]
    pixels, known = drawn(finals)
    with torch.inference_mode():
        log_p = classifier()(as_input(torch.from_numpy(pixels))).log_softmax(-1)
    plain, remasked = log_p[:, emoji.NAMES.index(INDEX["image"]["asked"]["category"])].tolist()
    assert known.all() and remasked >= plain > -0.5 and finals[0] != finals[1]


def test_a_domain_without_a_pair_opens_with_a_run_alone_or_none(tmp_path):
    (tmp_path / "index.json").write_text("{}")
    recorded = FOLDER.parent / "image.json.gz"
    assert opening(DOMAINS["image"], folder=tmp_path) is None
    assert len(opening(DOMAINS["image"], recorded, tmp_path).shown.samples) == 1


@pytest.mark.slow
def test_the_recommended_settings_leave_fewer_errors_than_mdlm_on_seven_of_eight_seeds():
    domain = DOMAINS["text"]
    model = domain.models[0]
    best = recommended(model.name)
    chosen = [settings(**best), settings("mdlm", best["steps"])]

    def left(settings):
        """Errors at the end of each seed's run, as the page makes it; all at once, which changes none of them."""
        requests = [RunRequest(domain, model, "", model.length, settings, seed) for seed in range(1, 9)]
        ends = [0] * len(requests)
        for row in Batch(tuple(pane(BranchRequest(each)).prepared for each in requests)).steps():
            ends = [len(step.issues) if step else end for step, end in zip(row, ends, strict=True)]
        return ends

    counts = list(zip(*map(left, chosen), strict=True))
    assert sum(remasked < plain for remasked, plain in counts) >= 7, counts


def inside(page, locator):
    box, size = locator.bounding_box(), page.viewport_size
    within = box["x"] >= 0 and box["x"] + box["width"] <= size["width"]
    return within and box["y"] >= 0 and box["y"] + box["height"] <= size["height"]


@pytest.fixture(scope="module")
def pages(app, browse):
    """Opens the page as it is on arrival, once for a size, and what went wrong on any of them."""
    faults, contexts = [], []

    @cache
    def page_of(width, height, reduced_motion="reduce"):
        contexts.append(browse(viewport={"width": width, "height": height}, reduced_motion=reduced_motion))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.goto(app.address)
        appears(page, f"{BOARD}[data-steps='128']:not([data-live])")
        return page

    yield page_of, faults
    for each in contexts:
        each.close()


@pytest.fixture
def arrived(pages):
    """The page of a size, as it is on arrival for tests that come before any `restored`; nothing may go wrong on it."""
    page_of, faults = pages
    yield page_of
    assert faults == []


@pytest.fixture
def restored(arrived):
    """The page of a size with both lanes and the seed of the arrival, whatever another test has made there."""

    def go(width, height):
        page = arrived(width, height)
        page.keyboard.press("Escape")  # closes the life of a token
        if page.locator(BOARD).get_attribute("data-panes") != "2":
            page.locator(f'{BOARD} [data-lanes="2"]').press("Enter")
            appears(page, f"{BOARD}[data-panes='2']:not([data-live])")
            expect(page.locator("#text-run")).to_be_enabled()
        page.locator("#text-seed input").fill(str(INDEX["text"]["seed"]))
        page.locator("#text-seed input").blur()
        return page

    return go


def test_slider_tokens_and_maps_of_both_lanes_are_on_the_screen(arrived):
    page = arrived(1440, 900)
    board = page.locator(BOARD)
    expect(board.locator('[data-role="lane"]')).to_have_count(2)
    for width, height in ((1920, 1080), (1280, 720), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        for role in ("slider", "tokens", "heatmap"):
            for each in board.locator(f'[data-role="{role}"]').all():
                assert inside(page, each), (role, width)
    errors = board.locator('[data-role="errors"]')
    expect(errors.nth(1)).to_have_text("0")
    assert int(errors.nth(0).inner_text()) > 0
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_pair_plays_by_itself_lingers_at_errors_and_says_what_happens(arrived):
    page = arrived(1440, 900, reduced_motion="no-preference")
    page.wait_for_function(f"+document.querySelector('{BOARD}').dataset.step > 5")
    born = page.evaluate(f"document.querySelector('{BOARD}').__stage.events().find((each) => each.born).at")
    page.locator(f'{BOARD} [data-role="slider"]').fill(str(born))
    expect(page.locator(f"{BOARD} .ln-caption")).to_contain_text(f"Step {born}")
    page.keyboard.press("e")
    page.wait_for_function(f"+document.querySelector('{BOARD}').dataset.step > {born}")
    heights = [page.locator(f'{BOARD} [data-role="heatmap"]').first.bounding_box()["y"] for _ in range(2)]
    page.locator(f'{BOARD} [data-role="slider"]').fill("20")
    appears(page, f"{BOARD}[data-step='20']")
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


CONTROLS = "button, input:not([type=hidden]), select, textarea, summary, [role=tab], a[href], [role=slider]"


def controls(page) -> list[str]:
    """What can be used on the page as it is, the bar and the stage left out; a number and its slider are one."""
    return page.evaluate(
        """(all) => [...document.querySelectorAll(all)]
          .filter((each) => each.checkVisibility({ visibilityProperty: true }) && each.getClientRects().length)
          .filter((each) => !each.closest(".bar, .tab-wrapper, .rp, footer, .foot"))
          .map((each) => `${each.closest("[id]").id} ${each.tagName}`)""",
        CONTROLS,
    )


def test_few_controls_are_there_on_arrival_and_writing_is_five_tab_stops_away(arrived):
    page = arrived(1440, 900)
    appears(page, "[data-role=write]")
    found = controls(page)
    assert 6 <= len(found) <= 14, found
    passed = []
    page.locator(".skip").focus()  # the first stop of all: tests/app/test_bar.py
    for _ in range(4):
        page.keyboard.press("Tab")
        passed.append(page.evaluate("document.activeElement.closest('[data-role=write]') !== null"))
    assert any(passed)


def test_the_controls_say_what_the_stage_shows_or_that_they_have_changed(arrived):
    page = arrived(1440, 900)
    run = INDEX["text"]
    expect(page.locator("#text-seed input")).to_have_value(str(run["seed"]))
    expect(page.locator("#text-steps input[type=number]")).to_have_value(str(run["steps"]))
    expect(page.locator("#text-sampler input")).to_have_value("ReMDM-rescale")
    expect(page.locator("#text-changed")).not_to_contain_text("Changed")
    page.locator("#text-steps input[type=number]").fill("12")
    page.locator("#text-steps input[type=number]").blur()
    expect(page.locator("#text-changed")).to_contain_text("Changed since: press Run")
    page.locator("#text-run").click()
    appears(page, f"{BOARD}[data-steps='12']:not([data-live])")
    expect(page.locator("#text-changed")).not_to_contain_text("Changed")


def ended(page, steps: int | None = None) -> dict:
    appears(page, f"{BOARD}:not([data-live])" + (f"[data-steps='{steps}']" if steps else ""))
    expect(page.locator("#text-run")).to_be_enabled()
    # the last message holds the whole run anew: what is shown follows a frame later
    page.wait_for_function(
        f"(({{live, k, steps}}) => !live && k > 0 && k === steps)(document.querySelector('{BOARD}').__stage.state())"
    )
    return page.evaluate(f"document.querySelector('{BOARD}').__stage.state()")


def begun(page, press) -> None:
    """Press what begins a run, and wait until the stage shows it: a short one may have ended by then."""
    run = page.locator(BOARD).get_attribute("data-run")
    press()
    appears(page, f"{BOARD}:not([data-run='{run}'])")


def short(page, steps: int = 12) -> dict:
    """A short run in as many lanes as there are."""
    page.locator("#text-steps input[type=number]").fill(str(steps))
    page.locator("#text-steps input[type=number]").blur()
    begun(page, page.locator("#text-run").click)
    return ended(page, steps)


def test_another_pair_is_written_from_another_seed_and_the_settings_stand_in_a_drawer(restored):
    page = restored(1440, 900)
    drawer, seed = page.locator("#text-nucleus_p"), page.locator("#text-seed input").input_value()
    expect(drawer).to_be_hidden()
    page.locator("#text-drawer").click()
    expect(drawer).to_be_visible()
    box = page.locator(".bench.drawer [data-role=drawer]").bounding_box()
    assert box["x"] + box["width"] == 1440 and box["width"] <= 400
    page.locator("#text-close").click()
    expect(drawer).to_be_hidden()
    page.locator("#text-steps input[type=number]").fill("12")
    page.locator("#text-steps input[type=number]").blur()
    top = page.locator(f"{BOARD} [data-role=heatmap]").first.bounding_box()["y"]
    begun(page, page.locator("#text-write").click)
    seen = [page.locator(f"{BOARD} [data-role=heatmap]").first.bounding_box()["y"]]
    ended(page, 12)
    seen.append(page.locator(f"{BOARD} [data-role=heatmap]").first.bounding_box()["y"])
    assert seen == [top, top], "the map does not move in a live run"
    assert page.locator(f"{BOARD} [data-role=lane] select").evaluate_all("all => all.map(each => each.value)") == [
        "mdlm", "remdm-rescale",
    ]  # fmt: skip
    assert page.locator("#text-seed input").input_value() != seed


def test_one_lane_two_and_four_tell_the_same_story(restored):
    page = restored(1440, 900)
    two = short(page)["panes"]
    page.locator(f'{BOARD} [data-lanes="1"]').click()
    appears(page, f"{BOARD}[data-panes='1']:not([data-live])")
    alone = ended(page, 12)
    assert alone["ids"] == two[1]["ids"]
    expect(page.locator("#text-changed")).not_to_contain_text("Changed")
    tokens, heat = (page.locator(f"{BOARD} [data-role={role}]").bounding_box() for role in ("tokens", "heatmap"))
    assert heat["x"] >= tokens["x"] + tokens["width"] and abs(heat["y"] - tokens["y"]) < 8, "the map is at the right"
    begun(page, page.locator("#text-run").click)
    assert ended(page, 12)["ids"] == two[1]["ids"], "and so when it is made alone"
    page.locator(f'{BOARD} [data-lanes="4"]').click()
    appears(page, f"{BOARD}[data-panes='4']")
    assert [each["ids"] for each in ended(page)["panes"]][:2] == [each["ids"] for each in two]
    page.locator(f"{BOARD} [data-role=lane]").nth(2).locator("select").select_option("mdlm")
    page.wait_for_function(f"document.querySelectorAll('{BOARD} [data-sampler=mdlm]').length === 2")
    four = ended(page)["panes"]
    assert four[2]["ids"] == four[0]["ids"] == two[0]["ids"]


def choose(page, lane: int, states: str) -> int:
    """A token of a lane in one of these states, clicked; its position."""
    found = page.evaluate(f"document.querySelector('{BOARD}').__stage.state()")["panes"][lane]
    row = lambda place: place % 16 in range(1, 9)
    place = next(p for p, state in enumerate(found["states"]) if state in states and row(p) and p > 20)
    page.locator(f'{BOARD} [data-role=lane] >> nth={lane} >> [data-position="{place}"]').click()
    return place


def test_a_wrong_word_is_planted_in_both_lanes_and_stays_marked(restored):
    page = restored(1440, 900)
    short(page, 16)
    page.locator(f'{BOARD} [data-role="slider"]').fill("12")
    appears(page, f"{BOARD}[data-step='12']")
    before = page.evaluate(f"document.querySelector('{BOARD}').__stage.state()")["panes"]
    place = choose(page, 1, "kept")
    page.get_by_role("button", name="Put a wrong word here").click()
    appears(page, f"{BOARD} [data-undo]")
    after = ended(page, 17)
    plain, remasked = after["panes"]
    assert plain["remasks"] == 0, "what was inherited is not its own"
    assert plain["ids"][place] != before[1]["ids"][place], "MDLM keeps what was planted"
    for lane in page.locator(f"{BOARD} [data-role=lane]").all():
        expect(lane.locator(f'[data-position="{place}"]')).to_have_class(re.compile(r"\brp-planted\b"))
        expect(lane.locator(".ln-begun")).to_be_visible()
    expect(page.locator(f"{BOARD} .rp-pane-outcome").first).to_contain_text("was never sent back")
    page.locator(f"{BOARD} [data-undo]").click()
    appears(page, f"{BOARD}[data-steps='16']:not([data-live])")
    again = page.evaluate(f"document.querySelector('{BOARD}').__stage.state()")["panes"]
    assert [each["count"] for each in again] == [16, 16]


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_a_masked_token_has_a_draft_and_can_be_written_by_hand_step_by_step(restored, size):
    page = restored(*size)
    page.locator(f'{BOARD} [data-lanes="1"]').click()
    appears(page, f"{BOARD}[data-panes='1']:not([data-live])")
    short(page, 16)
    page.locator(f'{BOARD} [data-role="slider"]').fill("6")
    appears(page, f"{BOARD}[data-step='6']")
    place = choose(page, 0, "masked")
    assert page.locator(f"{BOARD} .rp-t[data-draft]").count() > 20
    popover = page.locator(f'{BOARD} [data-role="popover"]')
    expect(popover.locator("[data-put]")).to_have_count(5)
    assert inside(page, popover)
    word = popover.locator("[data-put]").nth(1)
    token = int(word.get_attribute("data-put"))
    popover.get_by_label("one step only").check()
    word.click()
    appears(page, f"{BOARD} [data-undo]")
    ended(page, 8)
    page.locator(f'{BOARD} [data-role="slider"]').fill("7")  # the step after it may send the word back
    stands = f"document.querySelector('{BOARD}').__stage.state().ids[{place}] === {token}"
    page.wait_for_function(stands)
    page.locator(f'{BOARD} [data-role="slider"]').fill("8")
    assert ended(page, 8)["masked"] > 0, "one word by hand, one step, and it waits"


def test_a_link_opens_the_same_lanes_step_token_and_what_was_done_by_hand(restored, browse, app):
    page = restored(1440, 900)
    short(page, 14)
    page.locator(f'{BOARD} [data-role="slider"]').fill("9")
    appears(page, f"{BOARD}[data-step='9']")
    choose(page, 0, "kept")
    page.get_by_role("button", name="Put a wrong word here").click()
    appears(page, f"{BOARD} [data-undo]")
    ended(page, 15)
    page.locator(f'{BOARD} [data-role="slider"]').fill("12")
    appears(page, f"{BOARD}[data-step='12']")
    choose(page, 1, "kept")
    page.locator("#text-more button").first.click()
    page.locator("#text-link").click()
    link = page.locator("#text-link-text input, #text-link-text textarea")
    expect(link).to_have_value(re.compile("lanes=.*edits=.*at=12"))
    shown = page.evaluate(f"document.querySelector('{BOARD}').__stage.state()")
    fresh = browse(viewport={"width": 1440, "height": 900}, reduced_motion="reduce").new_page()
    fresh.goto(link.input_value())
    appears(fresh, f"{BOARD}[data-run]")
    assert fresh.locator(f"{BOARD}[data-steps='128']").count() == 0, "not the recorded run first"
    appears(fresh, f"{BOARD}[data-steps='15'][data-step='12']:not([data-live])")
    expect(fresh.locator(f'{BOARD} [data-role="popover"]')).to_be_visible()
    fresh.wait_for_function(f"document.querySelector('{BOARD}').__stage.state().missing === 0")
    again = fresh.evaluate(f"document.querySelector('{BOARD}').__stage.state()")
    assert [each["ids"] for each in again["panes"]] == [each["ids"] for each in shown["panes"]]
    same = ("step", "selected", "lane")
    assert {name: again[name] for name in same} == {name: shown[name] for name in same}
    fresh.context.close()


def test_a_link_opens_a_piece_of_the_gallery(browse, app):
    page = browse(viewport={"width": 1440, "height": 900}, reduced_motion="reduce").new_page()
    page.goto(f"{app.address}/?gallery=molecule-found")
    expect(page.locator("#gallery-player .rp .mol")).to_be_visible()
    expect(page.locator("#gallery-which label", has=page.locator("input:checked"))).to_contain_text("Molecules")
    page.context.close()
