"""The tab of pictures in a browser: a run, its picture, redrawing a half of it, and the files."""

import re

import pytest
from playwright.sync_api import Page, expect
from studio import Studio, appears

from remdm.domains.image.tab import SAME, read_redraw_request, redrawn


@pytest.fixture(scope="module")
def made(shared):
    """The tab with a short run of two pictures."""
    tab = shared("image")
    tab.typed("steps", 6)
    tab.typed("count", 2)
    tab.run()
    return tab


@pytest.fixture
def studio(made):
    """There a click chooses a cell rather than marks it."""
    made.player.locator(".im-switch").nth(1).uncheck()
    yield made
    assert made.faults == []


def marking(studio: Studio) -> Page:
    """The page, where a click marks a cell and none is marked yet."""
    studio.player.locator(".im-switch").nth(1).check()
    studio.player.locator('[data-shape="Clear"]').click()
    return studio.page


def cells(studio: Studio, state: str) -> int:
    return studio.page.locator(f'{studio.selector} .im-over .im-cell[data-state="{state}"]').count()


def test_a_run_shows_its_picture_and_a_half_can_be_redrawn(studio):
    page = studio.page
    image = page.locator(f"{studio.selector} .im-image")
    assert image.get_attribute("src").startswith("data:image/webp")
    assert page.evaluate(f"document.querySelector('{studio.selector} .im-image').naturalWidth") == 96
    assert cells(studio, "masked") == 0
    expect(page.locator(f"{studio.selector} .im-caption").first).to_have_text("256 of 256 cells known")
    expect(page.locator("#image-tiles .tile img")).to_have_count(2)
    expect(page.locator(f"{studio.selector} .rp-legend [data-state=decoded]")).to_have_text("")  # cells have no text

    # one hover lights the same cell everywhere
    page.locator(f"{studio.selector} .im-over .im-cell").nth(100).hover()
    expect(page.locator(f"{studio.selector} .im-scale .im-cell").nth(100)).to_have_attribute("data-hot", "")
    expect(page.locator(f"{studio.selector} .rp-stage .rp-t").nth(100)).to_have_attribute("data-hot", "")

    # a click opens the life of the cell, with the patches that its codes draw
    page.locator(f"{studio.selector} .im-over .im-cell").nth(100).click()
    expect(page.locator(f"{studio.selector} .rp-life .im-patch")).not_to_have_count(0)

    # the first step has masks, and they are hatched
    page.locator(f"{studio.selector} [data-do=first]").click()
    expect(page.locator(f'{studio.selector} .im-over .im-cell[data-state="masked"]')).to_have_count(256)
    page.locator(f"{studio.selector} [data-do=last]").click()
    expect(page.locator(f'{studio.selector} .im-over .im-cell[data-state="masked"]')).to_have_count(0)

    page.get_by_role("button", name="Redraw a part of the picture").click()
    before = studio.player.get_attribute("data-run")
    page.locator("#image-half").click()
    appears(page, f'{studio.selector}[data-run]:not([data-run="{before}"])')
    studio.ended()
    assert cells(studio, "given") == 128
    given = page.evaluate(
        f"[...document.querySelectorAll('{studio.selector} .im-over .im-cell')].map(c => c.dataset.state === 'given')"
    )
    assert given == [place % 16 >= 8 for place in range(256)]  # the right half was kept


def test_marks_are_made_with_the_mouse(studio):
    page = marking(studio)
    frame = page.locator(f"{studio.selector} .im-picture .im-frame")
    frame.evaluate("(each) => each.scrollIntoView({block: 'center'})")
    box = frame.bounding_box()
    at = lambda cell: box["x"] + (cell + 0.5) * box["width"] / 16  # noqa: E731
    down = lambda cell: box["y"] + (cell + 0.5) * box["height"] / 16  # noqa: E731
    page.mouse.move(at(2), down(3))
    page.mouse.down()
    page.mouse.move(at(5), down(4))
    page.mouse.up()
    marked = read_redraw_request(page.evaluate("window.ReMDMPictures.request()")).marked
    assert marked == {row * 16 + column for row in (3, 4) for column in (2, 3, 4, 5)}
    expect(page.locator(f"{studio.selector} .im-count")).to_have_text("8 cells marked")


def test_marks_are_made_with_the_keyboard(studio):
    page = marking(studio)
    frame = page.locator(f"{studio.selector} .im-picture .im-frame")
    frame.focus()
    before = page.evaluate(f"document.querySelector('{studio.selector}').__stage.state().step")
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight", "Space", "Shift+ArrowRight"):
        page.keyboard.press(key)
    page.keyboard.press("Shift+ArrowDown")
    assert read_redraw_request(page.evaluate("window.ReMDMPictures.request()")).marked == {35, 36, 52}
    expect(page.locator(f"{studio.selector} .im-count")).to_have_text("Row 4, column 5, marked. 3 cells marked")
    page.keyboard.press("Space")
    assert read_redraw_request(page.evaluate("window.ReMDMPictures.request()")).marked == {35, 36}
    assert page.evaluate(f"document.querySelector('{studio.selector}').__stage.state().step") == before, (
        "no step of the run"
    )

    page.locator(f"{studio.selector} .rp-stage .rp-t").nth(20).focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.rpPosition") == 36
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.rpPosition") == 19


def test_files_of_the_run_in_the_player(studio):
    page = studio.page
    page.get_by_role("button", name="The run as a picture file").click()
    for button, kind in (("sheet", "png"), ("gif", "gif")):
        page.locator(f"#image-{button}").click()
        expect(page.locator("#image-file img")).to_have_attribute("src", re.compile(rf"\.{kind}$"))


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
