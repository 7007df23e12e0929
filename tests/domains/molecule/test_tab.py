"""The molecule tab in a browser: many at once, atoms and tokens linked, files, refusals, the frontier."""

import csv

import pytest
from playwright.sync_api import expect

PLAYER = "#molecule-player .rp"
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def page(app, browse):
    """The tab, opened; whatever the browser complains of fails the last test."""
    page = browse(viewport={"width": 1440, "height": 1000}).new_page()
    page.set_default_timeout(60_000)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
    page.goto(app.address)
    page.get_by_role("tab", name="Molecules").click()
    expect(page.locator("#molecule-run")).to_be_enabled()
    return page


def typed(page, name, value):
    field = page.locator(f"#molecule-{name} input[type=number]")
    field.fill(str(value))
    field.blur()


def run(page):
    before = page.locator(PLAYER).get_attribute("data-run")
    page.locator("#molecule-run").click()
    page.wait_for_selector(f'{PLAYER}[data-run]:not([data-run="{before}"])')
    page.wait_for_selector(f"{PLAYER}:not([data-live])")
    expect(page.locator("#molecule-run")).to_be_enabled()


def test_a_batch_of_fragments_is_completed_and_drawn(page):
    """`C1CC_1` has one blank: most fillings are molecules."""
    page.locator("#molecule-prompt textarea").fill("C1CC_1")
    typed(page, "count", 6)
    typed(page, "steps", 6)
    run(page)
    expect(page.locator("#molecule-tiles .tile")).to_have_count(6)
    whole = page.locator("#molecule-tiles .tile:has([data-state=whole])")
    assert whole.count() >= 3
    before = page.locator(PLAYER).get_attribute("data-run")
    whole.first.click()
    page.wait_for_selector(f'{PLAYER}[data-run]:not([data-run="{before}"])')
    page.evaluate(f"document.querySelector('{PLAYER}').__player.seek(99)")
    expect(page.locator(f"{PLAYER} .mol")).to_have_attribute("data-state", "whole")
    expect(page.locator(f"{PLAYER} .mol-smiles")).to_contain_text("C1CC")
    expect(page.locator("#molecule-all-numbers")).to_contain_text("of 6")


def test_atoms_and_tokens_light_each_other(page):
    spots = page.locator(f"{PLAYER} .mol-spot")
    expect(spots).to_have_count(4)
    page.locator(f"{PLAYER} .rp-stage .rp-t").nth(1).hover()
    expect(spots.nth(0)).to_have_attribute("data-hot", "")
    page.locator(f"{PLAYER} .rp-stage .rp-t").nth(2).hover()
    expect(spots.nth(0)).to_have_attribute("data-hot", "")  # the ring number is the first atom's
    spots.nth(2).click(force=True)
    page.wait_for_function(f"document.querySelector('{PLAYER}').__player.state().selected === 4")


def test_the_masks_before_it_are_no_molecule(page):
    page.evaluate(f"document.querySelector('{PLAYER}').__player.seek(0)")
    expect(page.locator(f"{PLAYER} .mol")).to_have_attribute("data-state", "open")
    expect(page.locator(f"{PLAYER} .mol-caption")).to_contain_text("1 masked")


def test_files_hold_all_samples(page, tmp_path):
    for ending, wanted in (("csv", "sample,smiles"), ("smi", "sample-"), ("sdf", "$$$$")):
        expect(page.locator(f"#molecule-{ending}")).to_be_enabled()
        with page.expect_download() as waiting:
            page.locator(f"#molecule-{ending}").click()
        waiting.value.save_as(tmp_path / ending)
        assert wanted in (tmp_path / ending).read_text(encoding="utf-8")
    assert len(list(csv.DictReader((tmp_path / "csv").open(encoding="utf-8")))) == 6


@pytest.mark.parametrize(
    ("prompt", "why"), [("C1CCl", "not a SMILES token"), ("C" * 33, "room for 31"), ("C)C", "closes")]
)
def test_bad_fragments_are_refused_and_nothing_is_lost(page, prompt, why):
    page.locator("#molecule-prompt textarea").fill(prompt)
    page.locator("#molecule-run").click()
    said = page.get_by_test_id("toast-text")
    expect(said).to_contain_text(why)
    page.get_by_test_id("toast-close").click()
    expect(page.locator("#molecule-run")).to_be_enabled()
    assert page.locator("#molecule-tiles .tile").count() == 6


def test_settings_for_qm9_fill_the_controls(page):
    page.locator("#molecule-best").get_by_role("combobox").click()
    page.get_by_role("option", name="Rings, D-CFG: rescale 0.9, conf, loop").click()
    expect(page.locator("#molecule-eta input[type=number]")).to_have_value("0.9")
    expect(page.locator("#molecule-t_on input[type=number]")).to_have_value("0.25")
    expect(page.locator("#molecule-nucleus_p input[type=number]")).to_have_value("1")


def test_the_frontier_is_measured_live_and_can_be_stopped(page):
    for name in ("Forward-backward", "DFM", "ReMDM-loop"):
        page.locator("#molecule-frontier-samplers").get_by_label(name, exact=True).uncheck()
    typed(page, "frontier-steps", 4)
    typed(page, "frontier-count", 32)
    page.locator("#molecule-measure").click()
    page.wait_for_selector("#molecule-live .js-plotly-plot .main-svg", state="attached")
    page.locator("#molecule-measure-stop").click()
    expect(page.locator("#molecule-measure")).to_have_text("Measure")


def test_nothing_went_wrong_on_the_way(page):
    assert page.faults == []
