"""The molecule tab in a browser: many at once, atoms and tokens linked, files, refusals, the frontier."""

import csv

import pytest
from playwright.sync_api import Locator, expect
from studio import Studio, appears


@pytest.fixture(scope="module")
def made(shared):
    """The tab with six short runs from a fragment: `C1CC_1` has one blank, and most fillings are molecules."""
    tab = shared("molecule")
    tab.prompt("C1CC_1")
    tab.typed("count", 6)
    tab.typed("steps", 6)
    tab.run()
    expect(tab.page.locator("#molecule-tiles .tile")).to_have_count(6)
    return tab


@pytest.fixture
def studio(made):
    yield made
    assert made.faults == []


def whole(studio: Studio) -> Locator:
    """The player, at the end of a run that made a molecule."""
    before = studio.player.get_attribute("data-run")
    found = studio.page.locator("#molecule-tiles .tile:has([data-state=whole])")
    assert found.count() >= 3
    found.first.click()
    appears(studio.page, f'{studio.selector}[data-run]:not([data-run="{before}"])')
    studio.page.evaluate(f"document.querySelector('{studio.selector}').__stage.seek(99)")
    return studio.player


def test_a_batch_of_fragments_is_completed_and_drawn(studio):
    player = whole(studio)
    expect(player.locator(".mol")).to_have_attribute("data-state", "whole")
    expect(player.locator(".mol-smiles")).to_contain_text("C1CC")
    expect(studio.part("all-numbers")).to_contain_text("of 6")


def test_atoms_and_tokens_light_each_other(studio):
    player = whole(studio)
    spots, tokens = player.locator(".mol-spot"), player.locator(".rp-stage .rp-t")
    expect(spots).to_have_count(4)
    tokens.nth(1).hover()
    expect(spots.nth(0)).to_have_attribute("data-hot", "")
    tokens.nth(2).hover()
    expect(spots.nth(0)).to_have_attribute("data-hot", "")  # the ring number is the first atom's
    spots.nth(2).click(force=True)
    studio.page.wait_for_function(f"document.querySelector('{studio.selector}').__stage.state().selected === 4")


def test_the_masks_before_it_are_not_a_molecule(studio):
    studio.page.evaluate(f"document.querySelector('{studio.selector}').__stage.seek(0)")
    expect(studio.player.locator(".mol")).to_have_attribute("data-state", "open")
    expect(studio.player.locator(".mol-caption")).to_contain_text("1 masked")


def test_files_hold_all_samples(studio, tmp_path):
    page = studio.page
    studio.fold("part", studio.part("csv"), True)
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
def test_bad_fragments_are_refused_and_nothing_is_lost(studio, prompt, why):
    studio.prompt(prompt)
    studio.part("run").click()
    assert why in studio.refused()
    studio.ready()
    assert studio.page.locator("#molecule-tiles .tile").count() == 6


def test_the_frontier_is_measured_live_and_can_be_stopped(studio):
    page = studio.page
    page.locator("#molecule-frontier > button").click()
    for name in ("Forward-backward", "DFM", "ReMDM-loop"):
        page.locator("#molecule-frontier-samplers").get_by_label(name, exact=True).uncheck()
    studio.typed("frontier-steps", 4)
    studio.typed("frontier-count", 32)
    page.locator("#molecule-measure").click()
    page.wait_for_selector("#molecule-live .js-plotly-plot .main-svg", state="attached")
    page.locator("#molecule-measure-stop").click()
    expect(page.locator("#molecule-measure")).to_have_text("Measure")


def test_settings_for_qm9_fill_the_controls(studio):
    studio.fold("part", studio.part("csv"), True)
    studio.choose("known", "Rings, D-CFG: rescale 0.9, conf, loop")
    for name, value in (("eta", "0.9"), ("t_on", "0.25"), ("nucleus_p", "1")):
        expect(studio.part(name).locator("input[type=number]")).to_have_value(value)
