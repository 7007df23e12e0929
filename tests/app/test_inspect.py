"""Compare, change and go on, share and the theory in a real browser."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect
from studio import Studio, appears

from remdm.app.workbench.schedule_preview import outlook
from remdm.runs.trace_file import loads
from remdm.sampling.methods import settings

GALLERY = Path(__file__).parents[2] / "assets" / "gallery"


def board(studio: Studio) -> dict:
    """What the stage shows, once it has ended."""
    appears(studio.page, f"{studio.selector}[data-steps]:not([data-live])")
    return studio.state()


def compared(studio: Studio, *titles: str) -> dict:
    """What the stage shows of two samplers, run anew."""
    studio.lanes(2)
    for place, title in enumerate(titles):
        studio.choose(f"lane-{place}", title)
    studio.start()
    shown = studio.ended()
    return shown


def test_two_runs_side_by_side(studio):
    shown = compared(studio, "MDLM", "ReMDM-loop")
    plain, loop = shown["panes"]
    assert (plain["missing"], loop["missing"], plain["masked"], loop["masked"]) == (0, 0, 0, 0)
    assert plain["count"] in (16, 17) and loop["count"] in (16, 17), "the final fill may be a step of its own"
    assert plain["remasks"] == 0 < loop["remasks"] and plain["ids"] != loop["ids"] and shown["first"]
    expect(studio.part("compare-table")).to_contain_text("errors left")
    where = studio.player
    expect(where.locator(".rp-verdict-line")).to_contain_text(f"They part at step {shown['first'][0] + 1}, position")
    assert where.locator(".rp-set-differs").filter(has_text="rule").count() == 2
    apart = sum(a != b for a, b in zip(plain["ids"], loop["ids"], strict=True))
    assert where.locator(".rp-pane").nth(1).locator("[data-apart]").count() == apart
    assert where.locator(".rp-pane").nth(0).locator("[data-apart]").count() == 0
    where.locator(".rp-slider").fill("1")
    studio.at(1)
    expect(where.locator(".rp-pane-line").first).to_contain_text("step 1 / 1")
    expect(where.locator(".rp-pane-line").last).to_contain_text("step 1 / 1")


def opened_from_disk(path: Path, browse: Callable, shown: str) -> Page:
    """A file in a browser of its own, which asks for nothing but the file."""
    page = browse(reduced_motion="reduce").new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    appears(page, shown)
    assert asked == [path.as_uri()]
    return page


def downloaded(studio: Studio, button: Locator, folder: Path) -> Path:
    with studio.page.expect_download() as waiting:
        button.click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def exported(studio: Studio, folder: Path) -> Path:
    """The page of what the stage shows."""
    said = studio.watch("export-page")
    studio.part("export-page").click()
    link = studio.part("exported").locator("a[download], a[href]").first
    expect(link).to_be_visible()
    expect(studio.part("exported")).to_contain_text(".gif")
    expect(studio.part("export-page")).to_have_text("Export as page and GIF")
    assert "Drawing the GIF …" in said()
    return downloaded(studio, link, folder)


def test_a_comparison_as_one_page_needs_no_network(studio, browse, tmp_path):
    studio.typed("steps", 8)
    compared(studio, "MDLM", "ReMDM-loop")
    studio.player.locator(".rp-slider").fill("5")
    before = studio.at(5)
    page = opened_from_disk(exported(studio, tmp_path), browse, ".rp[data-steps]:not([data-live])")
    stage = "document.querySelector('#run').__stage.state()"
    assert [pane["ids"] for pane in page.evaluate(stage)["panes"]] != [pane["ids"] for pane in before["panes"]]
    page.locator(".rp-slider").fill(str(before["k"]))
    appears(page, f".rp[data-step='{before['k']}']")
    again = page.evaluate(stage)
    assert again["panes"] == before["panes"] and again["first"] == before["first"]
    expect(page.locator(".rp-pane-head h4").first).to_have_text("A MDLM")
    page.locator("[data-role=token]").nth(20).click()
    expect(page.locator("[data-role=popover]")).to_be_visible()
    expect(page.locator(".ln-acts")).to_be_hidden()  # there is nobody to ask
    page.context.close()


def test_a_chart_becomes_a_picture_without_a_network(studio, tmp_path):
    studio.run()
    studio.charts()
    studio.part("masks").hover()
    path = downloaded(studio, studio.part("masks").locator('.modebar-btn[data-title^="Download"]'), tmp_path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_same_settings_never_part_and_changed_ones_are_refused_in_a_sentence(studio):
    shown = compared(studio, "As set", "As set")
    expect(studio.player.locator(".rp-verdict-line")).to_contain_text("So far they are the same.")
    assert shown["panes"][0]["ids"] == shown["panes"][1]["ids"] and shown["first"] is None
    changed = studio.part("lane-1-changes").locator("input, textarea")
    changed.fill("eta=lots")
    studio.part("run").click()
    assert studio.refused() == "eta must be a number, got lots."
    changed.fill("colour=red")
    studio.part("run").click()
    assert "is not a setting; the names are steps" in studio.refused()
    changed.fill("")


def test_a_branch_goes_on_with_its_own_settings_and_is_kept_in_its_trace(studio, tmp_path):
    studio.run()
    studio.typed("steps", 40)  # of the controls, not of the run
    studio.page.evaluate(f"document.querySelector('{studio.selector}').__stage.seek(8)")
    before = studio.at(8)
    place = [place for place, state in enumerate(before["states"]) if state in ("kept", "decoded")][4]
    studio.page.evaluate(f"document.querySelector('{studio.selector}').__stage.select({place})")
    popover = studio.player.locator("[data-role=popover]")
    popover.get_by_label("Go on with").select_option("mdlm")
    popover.get_by_role("button", name="Go on from here").click()
    appears(studio.page, f'{studio.selector}[data-run]:not([data-run="{before["run"]}"])')
    after = studio.ended()
    assert after["remasks"] == 0 == after["masked"], "MDLM goes on from the time that was reached"
    assert 8 < after["steps"] <= 18
    trace = loads(studio.saved(tmp_path).read_bytes())
    assert (trace.run["sampler"], trace.run["steps"], trace.run["from_step"]) == ("mdlm", 16, 8)
    assert list(trace.final) == after["ids"]
    studio.player.locator("[data-undo]").click()
    appears(studio.page, f"{studio.selector}[data-steps='{before['steps']}']")


def test_the_schedule_follows_the_sliders(studio):
    drawn = studio.part("outlook")
    usual = sum(outlook(settings("remdm-loop", 16), 160).remasks)
    expect(drawn).to_contain_text(f"{usual:.1f} remasks expected")  # what the choice of the sampler sets has come
    for eta in (0.02, 0.04):
        studio.typed("eta", eta)
        expected = sum(outlook(settings("remdm-loop", 16, eta=eta), 160).remasks)
        assert expected > 0
        expect(drawn).to_contain_text(f"{expected:.1f} remasks expected")
    label = drawn.locator("svg").get_attribute("aria-label")
    assert "remasking is on at steps" in label


def test_a_link_makes_the_same_run_again(visit, studio, app):
    studio.typed("seed", 21)
    end = studio.run()
    studio.part("link").click()
    field = studio.part("link-text").locator("textarea, input")
    expect(field).to_have_value(re.compile(r"^http.*seed=21"))
    link = field.input_value()
    other = visit(query="?" + link.partition("?")[2])
    other.page.wait_for_function(
        f"document.querySelector('{studio.selector}').__stage.state().steps === {end['steps']} && "
        f"!document.querySelector('{studio.selector}').__stage.state().live"
    )
    assert other.state()["ids"] == end["ids"]
    other.page.goto(f"{app.address}/?sampler=%3Cimg%20src=x%20onerror=hacked=1%3E")
    assert "This link cannot be followed: sampler must be one of" in other.refused()
    assert other.page.evaluate("window.hacked") is None


def test_a_run_as_one_page_needs_no_network(studio, tmp_path, browse):
    end = studio.run()
    page = opened_from_disk(exported(studio, tmp_path), browse, ".rp[data-run]")
    assert page.evaluate("document.querySelector('.rp').__stage.state()")["ids"] == end["ids"]
    assert page.locator("[data-role=heatmap]").get_attribute("aria-label").startswith("Confidence of 160 positions")
    assert any(name.endswith(".gif") for name in studio.part("exported").inner_text().split())
    page.context.close()


def test_theory_is_measured(studio):
    page = studio.page
    studio.show("Measure")
    studio.show("Theory")
    page.locator("#theory-run").click()
    expect(page.locator("#theory-said")).to_contain_text(re.compile(r"2000 positions, [1-9][\d.]* remasks a chain"))
    page.locator("#theory-twins").click()
    found = page.locator("#theory-pictures")
    expect(found).to_contain_text(
        re.compile(r"0 of 1,440 cells differ .* its twin, [1-9]\d* from ReMDM with another σ")
    )
    expect(found.locator("figure svg[aria-label*='no cell differs from the first']")).to_have_count(2)
    page.locator("#theory-still").click()
    expect(page.locator("#theory-counted")).to_contain_text("FB 0.00; DFM 0.00")


def test_the_gallery_shows_its_pieces_and_a_file(studio, tmp_path):
    page = studio.page
    studio.show("Gallery")
    player = page.locator("#gallery-player .rp")
    page.locator("#gallery-which").get_by_label("Images · an animal under ReMDM").check()
    expect(page.locator("#gallery-told")).to_contain_text("cells are sent back")
    expect(player.locator(".im-frame[role=img]").first).to_have_attribute("aria-label", re.compile("256 of 256 cells"))
    expect(player.locator(".im-edit")).to_be_hidden()
    page.locator("#gallery-open input[type=file], input[type=file]").last.set_input_files(GALLERY / "text-kept.json.gz")
    expect(page.locator("#gallery-told")).to_have_text("A text run of yours.")
    expect(player.locator(".rp-about")).to_contain_text("opened from a file")
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}", encoding="utf-8")
    page.locator("#gallery-open input[type=file], input[type=file]").last.set_input_files(wrong)
    assert studio.refused().startswith("This file cannot be shown. This is not a trace of ReMDM Studio")
