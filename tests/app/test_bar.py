"""The bar and the page as a whole, rendered in the browser and on the server: look, keys, Present, contrast."""

import re
from functools import cache

import pytest
from playwright.sync_api import Page, expect
from studio import appears

BOARD = "#text-player .rp"
TITLES = ["Text", "Images", "Molecules", "Countdown", "Learn", "Measure", "Gallery"]
SHIFTS = """window.shift = 0;
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) if (!each.hadRecentInput) window.shift += each.value;
}).observe({ type: "layout-shift", buffered: true });"""
CONTRAST = """(element) => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => numbers(colour).slice(0, 3).reduce((sum, x, i) => {
    const c = x / 255, linear = c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    return sum + linear * [0.2126, 0.7152, 0.0722][i];
  }, 0);
  let under = element;
  while (under.parentElement && numbers(getComputedStyle(under).backgroundColor)[3] === 0) under = under.parentElement;
  const paper = getComputedStyle(under).backgroundColor;
  const [high, low] = [light(getComputedStyle(element).color), light(paper)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}"""


@pytest.fixture(scope="module", params=["app", "rendered"])
def pages(request, browse):
    """Opens the page once for a size, rendered in the browser or on the server, and what went wrong on any of them."""
    served, faults, contexts = request.getfixturevalue(request.param), [], []

    @cache
    def page_of(width: int, height: int, theme: str = "light") -> Page:
        contexts.append(browse(viewport={"width": width, "height": height}, reduced_motion="reduce"))
        page = contexts[-1].new_page()
        page.add_init_script(SHIFTS)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.goto(f"{served.address}/?__theme={theme}")
        appears(page, f"{BOARD}[data-steps='128']:not([data-live])")
        appears(page, ".domains [role=tab][tabindex='-1']")
        return page

    yield page_of, faults
    for each in contexts:
        each.close()


@pytest.fixture
def arrived(pages):
    """The page of a size, as it is on arrival to the last test, which changes it; nothing may go wrong on it."""
    page_of, faults = pages
    yield page_of
    assert faults == []


def tabs(page: Page):
    return page.locator(".domains > .tab-wrapper [role=tab]")


SHAPES = {"wide-light": ((1440, 900), "light"), "phone-dark": ((390, 844), "dark")}


@pytest.mark.parametrize("size, theme", SHAPES.values(), ids=SHAPES)
def test_the_page_looks_the_same_however_it_is_rendered(arrived, size, theme):
    page = arrived(*size, theme)
    assert tabs(page).all_inner_texts() == TITLES
    assert page.evaluate("window.shift") < 0.1
    bar = page.locator(".domains > .tab-wrapper").bounding_box()
    assert bar["y"] == 0 and bar["width"] == size[0] and bar["height"] == (48 if size[0] > 900 else 84)
    assert page.locator(f"{BOARD} .ln-headline").bounding_box()["y"] < (64 if size[0] > 900 else 150)
    for icon in page.locator(f"{BOARD} .rp-button:visible svg").all():
        assert min(icon.bounding_box()["width"], icon.bounding_box()["height"]) >= 14
    play = page.locator(f"{BOARD} [data-do=play]")
    ink, paper = (play.evaluate(f"(each) => getComputedStyle(each).{name}") for name in ("color", "backgroundColor"))
    assert ink != paper, "the icon can be told from its button"
    for tab in tabs(page).all():
        assert tab.evaluate(CONTRAST) >= 4.5, tab.inner_text()
    learn = tabs(page).nth(TITLES.index("Learn")).bounding_box()
    assert learn["x"] + learn["width"] <= size[0], "Learn is in view"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_keys_skip_the_bar_and_move_among_its_tabs(arrived):
    page = arrived(1440, 900)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator(BOARD)).to_be_focused()
    tabs(page).first.focus()
    page.keyboard.press("Shift+Tab")
    expect(page.locator(".present-button")).to_be_focused()
    page.keyboard.press("Tab")
    expect(tabs(page).first).to_be_focused()
    for key, title in (("ArrowRight", "Images"), ("End", "Gallery"), ("ArrowRight", "Text"), ("ArrowLeft", "Gallery")):
        page.keyboard.press(key)
        tab = tabs(page).nth(TITLES.index(title))
        expect(tab).to_be_focused()
        expect(tab).to_have_attribute("aria-selected", "true")
        expect(tab).to_have_attribute("tabindex", "0")
        expect(page.locator(".domains > .tab-wrapper [tabindex='0']")).to_have_count(1)
    page.keyboard.press("Home")
    expect(tabs(page).first).to_be_focused()


def test_present_shows_the_run_in_large_type_and_its_keys_go_to_the_stage(arrived):
    page = arrived(1440, 900)
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("f")
    expect(page.locator("body")).to_have_class(re.compile(r"\bpresent\b"))
    for hidden in (".bar h1", ".domains > .tab-wrapper", ".strip", ".foot"):
        expect(page.locator(hidden).first).to_be_hidden()
    size = lambda what: page.locator(f"{BOARD} {what}").first.evaluate("(each) => getComputedStyle(each).fontSize")
    assert size(".ln-rows") == "26px" and size("[data-role=errors]") == "48px"
    page.keyboard.press("ArrowLeft")
    appears(page, f"{BOARD}[data-step='127']")
    page.locator(f"{BOARD} [data-role=slider]").fill("0")
    page.locator(f"{BOARD} [data-role=slider]").blur()
    page.keyboard.press("e")
    born = page.evaluate(f"document.querySelector('{BOARD}').__stage.events()[0].at")
    appears(page, f"{BOARD}[data-step='{born}']")
    for role in ("slider", "tokens", "heatmap"):
        for each in page.locator(f'{BOARD} [data-role="{role}"]').all():
            expect(each).to_be_in_viewport(ratio=1)
    page.keyboard.press("Escape")
    expect(page.locator(".domains > .tab-wrapper")).to_be_visible()
    field = page.locator("#text-drawer")
    field.click()
    page.locator("#text-prompt textarea").fill("")
    page.locator("#text-prompt textarea").press("f")
    expect(page.locator("#text-prompt textarea")).to_have_value("f")
