"""The tab of pictures in a browser: a run, its picture, redrawing a half of it, and the files."""

import re

import pytest
from playwright.sync_api import Page, expect

from remdm.domains.image.tab import SAME, read_redraw_request, redrawn

WAIT = 180_000
PLAYER = "#image-player .rp"


@pytest.fixture(scope="module")
def page(app, browse):
    context = browse(viewport={"width": 1440, "height": 1100})
    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto(app.address)
    page.get_by_role("tab", name="Pictures").click()
    expect(page.locator("#image-run")).to_be_enabled(timeout=WAIT)
    yield page
    context.close()


def typed(page: Page, name: str, value: int):
    field = page.locator(f"#image-{name} input[type=number]")
    field.fill(str(value))
    field.blur()


def run(page: Page, button: str):
    """Press a button that starts a run, and wait until it has ended."""
    before = page.locator(PLAYER).get_attribute("data-run") or ""
    page.locator(button).click()
    page.wait_for_selector(f'{PLAYER}[data-run]:not([data-run="{before}"])')
    page.wait_for_selector(f"{PLAYER}:not([data-live])")
    expect(page.locator("#image-run")).to_be_enabled(timeout=WAIT)


def cells(page: Page, state: str) -> int:
    return page.locator(f'{PLAYER} .im-over .im-cell[data-state="{state}"]').count()


def test_a_run_shows_its_picture_and_a_half_can_be_redrawn(page):
    typed(page, "steps", 6)
    typed(page, "count", 2)
    run(page, "#image-run")
    image = page.locator(f"{PLAYER} .im-image")
    assert image.get_attribute("src").startswith("data:image/webp")
    assert page.evaluate(f"document.querySelector('{PLAYER} .im-image').naturalWidth") == 64
    assert cells(page, "masked") == 0
    expect(page.locator(f"{PLAYER} .im-caption").first).to_have_text("256 of 256 cells known")
    expect(page.locator("#image-tiles .tile img")).to_have_count(2)
    expect(page.locator(f"{PLAYER} .rp-legend [data-state=decoded]")).to_have_text("")  # cells have no text

    # one hover lights the same cell everywhere
    page.locator(f"{PLAYER} .im-over .im-cell").nth(100).hover()
    expect(page.locator(f"{PLAYER} .im-scale .im-cell").nth(100)).to_have_attribute("data-hot", "")
    expect(page.locator(f"{PLAYER} .rp-stage .rp-t").nth(100)).to_have_attribute("data-hot", "")

    # a click opens the life of the cell, with the patches that its codes draw
    page.locator(f"{PLAYER} .im-over .im-cell").nth(100).click()
    expect(page.locator(f"{PLAYER} .rp-life .im-patch")).not_to_have_count(0)

    # the first step has masks, and they are hatched
    page.locator(f"{PLAYER} [data-do=first]").click()
    expect(page.locator(f'{PLAYER} .im-over .im-cell[data-state="masked"]')).to_have_count(256)
    page.locator(f"{PLAYER} [data-do=last]").click()
    expect(page.locator(f'{PLAYER} .im-over .im-cell[data-state="masked"]')).to_have_count(0)

    page.get_by_role("button", name="Redraw a part of the picture").click()
    run(page, "#image-half")
    assert cells(page, "given") == 128
    given = page.evaluate(
        f"[...document.querySelectorAll('{PLAYER} .im-over .im-cell')].map(c => c.dataset.state === 'given')"
    )
    assert given == [place % 16 >= 8 for place in range(256)]  # the right half was kept
    assert not page.faults


def test_marks_are_made_with_the_mouse(page):
    page.locator(f"{PLAYER} .im-switch").nth(1).check()
    box = page.locator(f"{PLAYER} .im-picture .im-frame").bounding_box()
    at = lambda cell: box["x"] + (cell + 0.5) * box["width"] / 16  # noqa: E731
    down = lambda cell: box["y"] + (cell + 0.5) * box["height"] / 16  # noqa: E731
    page.mouse.move(at(2), down(3))
    page.mouse.down()
    page.mouse.move(at(5), down(4))
    page.mouse.up()
    marked = read_redraw_request(page.evaluate("window.ReMDMPictures.request()")).marked
    assert marked == {row * 16 + column for row in (3, 4) for column in (2, 3, 4, 5)}
    expect(page.locator(f"{PLAYER} .im-count")).to_have_text("8 cells marked")


def test_marks_are_made_with_the_keyboard(page):
    frame = page.locator(f"{PLAYER} .im-picture .im-frame")
    page.locator('#image-player [data-shape="Clear"]').click()
    frame.focus()
    before = page.evaluate(f"document.querySelector('{PLAYER}').__player.state().step")
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight", "Space", "Shift+ArrowRight"):
        page.keyboard.press(key)
    page.keyboard.press("Shift+ArrowDown")
    assert read_redraw_request(page.evaluate("window.ReMDMPictures.request()")).marked == {35, 36, 52}
    expect(page.locator(f"{PLAYER} .im-count")).to_have_text("Row 4, column 5, marked. 3 cells marked")
    page.keyboard.press("Space")
    assert read_redraw_request(page.evaluate("window.ReMDMPictures.request()")).marked == {35, 36}
    assert page.evaluate(f"document.querySelector('{PLAYER}').__player.state().step") == before, "no step of the run"

    page.locator(f"{PLAYER} .rp-stage .rp-t").nth(20).focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.rpPosition") == 36
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.rpPosition") == 19


def test_files_of_the_run_in_the_player(page):
    page.get_by_role("button", name="The run as a picture file").click()
    for button, kind in (("sheet", "png"), ("gif", "gif")):
        page.locator(f"#image-{button}").click()
        expect(page.locator("#image-file img")).to_have_attribute("src", re.compile(rf"\.{kind}$"), timeout=WAIT)
    assert not page.faults


# What comes from the browser is checked


@pytest.mark.parametrize("text", ["", "null", "[]", '{"ids": [1], "marked": [2]}', '{"ids": ["a"]}',
                                  '{"ids": [1], "marked": [true]}'])  # fmt: skip
def test_a_request_that_makes_no_sense_is_refused(text):
    with pytest.raises(ValueError, match="press Run first"):
        read_redraw_request(text)


def test_nothing_marked_is_refused():
    nothing = read_redraw_request('{"ids": [1, 2], "marked": []}')
    with pytest.raises(ValueError, match="No cells are marked"):
        redrawn([], nothing, SAME)
