"""The page in a real browser, served by a real process, with the embedded model."""

import gzip
import re
import threading
from pathlib import Path

import pytest
from playwright.sync_api import expect
from studio import PHONE, WIDE, Studio, appears, changed

from remdm.app.components.controls import defaults, shown
from remdm.app.streams import Stream, ended, made
from remdm.domains.registry import DOMAINS
from remdm.runs.record import prepare
from remdm.runs.request import RunRequest
from remdm.runs.trace_file import load
from remdm.sampling.methods import settings
from remdm.sampling.presets import METHODS
from remdm.serving.streamed_runs import StreamedRun

TEXT = DOMAINS["text"]
EVIL = '<img src=x onerror="hacked=1">${hacked=2}{{hacked=3}}'


def test_a_recorded_run_plays_when_the_page_opens(visit):
    studio = visit(reduced_motion="no-preference")
    first = studio.state()
    assert first["status"] == "playing" and not first["live"] and first["steps"] > 16
    studio.player.locator("[aria-label=Speed]").select_option("8")
    appears(studio.page, f'{studio.selector}[data-status="done"]')
    assert studio.state()["step"] == first["steps"]
    expect(studio.part("numbers")).to_contain_text("NFE")
    assert all(studio.charts().values())


def test_a_run_streams_from_its_first_step(studio):
    studio.page.evaluate(
        """() => { window.seen = []; const rp = document.querySelector('#text-player .rp');
        const enabled = (name) => !document.getElementById(`text-${name}`).disabled;
        const seen = () => [rp.dataset.run, +rp.dataset.steps, rp.dataset.live === 'true'];
        new MutationObserver(() => window.seen.push([...seen(), enabled('run'), enabled('stop')]))
        .observe(rp, {attributes: true, attributeFilter: ['data-steps', 'data-run']}); }"""
    )
    studio.choose("sampler", "ReMDM-cap")  # it asks the network at every step: MDLM's cached steps fly past
    studio.typed("steps", 256)
    run = studio.start()
    end = studio.ended()
    seen = [each[1:] for each in studio.page.evaluate("window.seen") if each[0] == run]
    live = [steps for steps, on, *_ in seen if on]
    assert [False, True] in [buttons for _, on, *buttons in seen if on], "Run is off and Stop is on meanwhile"
    # how many of the steps are painted is a matter of the machine: far more than the two of a run that comes at once
    assert live == sorted(live) and live[0] < 64 and len(set(live)) > 8, "it arrives step by step"
    assert (end["status"], end["masked"], end["missing"]) == ("done", 0, 0) and end["steps"] >= 256


def test_the_same_seed_gives_the_same_run(studio):
    first, again = studio.run(), studio.run()
    assert first["run"] != again["run"] and first["ids"] == again["ids"] and first["remasks"] == again["remasks"]
    studio.part("another").click()
    expect(studio.part("seed").locator("input")).not_to_have_value("7")
    assert studio.run()["ids"] != first["ids"]


@pytest.mark.parametrize("name, remasks", [("mdlm", False), ("remdm-conf", True), ("rcr", True)])
def test_a_sampler_brings_its_controls_and_runs(studio, name, remasks):
    """All of them, without a browser: tests/app/test_presets.py."""
    method = METHODS[name]
    studio.choose("sampler", method.title)
    wanted, visible = defaults(name, 16), shown(method.parts)
    expect(studio.page.locator("#text-player").locator("xpath=ancestor::*[contains(@class,'bench')]")).to_contain_text(
        method.cite
    )
    for control, on in visible.items():
        if control not in (*method.parts, "schedule"):
            expect(studio.part(control)).to_have_count(int(on))
    numeric = [knob for knob in wanted if visible.get(knob, knob in ("nucleus_p", "temperature"))]
    shown_values = {k: studio.value(k) for k in numeric if studio.part(k).locator("input[type=number]").count()}
    assert shown_values == {k: pytest.approx(wanted[k]) for k in shown_values} and "nucleus_p" in shown_values
    end = studio.run()
    assert end["masked"] == 0 and end["steps"] >= 16 and end["missing"] == 0
    assert (end["remasks"] > 0) == remasks
    assert studio.player.locator(".rp-about").inner_text().startswith("16 steps, seed ")


def test_a_sampler_that_is_sure_ends_before_its_last_step(studio):
    studio.choose("sampler", METHODS["eb"].title)
    studio.typed("steps", 64)
    expect(studio.part("outlook")).to_contain_text("follows from the network")
    end = studio.run()
    assert end["masked"] == 0 and end["steps"] < 64 and end["expected"] == end["steps"] == end["panes"][0]["forwards"]


def test_stop_leaves_what_was_made(studio, tmp_path):
    studio.choose("sampler", "ReMDM-cap")  # it asks the network at every step: MDLM's cached steps fly past
    studio.typed("steps", 1024)
    studio.start()
    studio.page.wait_for_function(f"+document.querySelector('{studio.selector}').dataset.steps >= 3")
    before = studio.state()["steps"]
    studio.part("stop").click()
    end = studio.ended()
    assert 3 <= before <= end["steps"] < 900 and end["masked"] > 0
    expect(studio.player.locator(".rp-badge")).to_have_text("stopped")
    trace = load(studio.saved(tmp_path))
    assert len(trace.steps) == end["steps"] and list(trace.final) == end["ids"]
    assert len(studio.charts()["masks"][0]) == end["steps"]
    studio.player.locator('[data-do="first"]').click()
    assert studio.at(0)["masked"] == 160
    studio.typed("steps", 16)
    assert studio.run()["masked"] == 0


def test_stop_before_the_first_step(studio):
    studio.typed("steps", 1024)
    studio.part("run").click()
    studio.part("stop").click()
    studio.ready()
    appears(studio.page, f"{studio.selector}:not([data-live])")
    studio.typed("steps", 16)
    assert studio.run()["masked"] == 0


def test_a_run_whose_server_is_killed_says_so_and_what_was_written_can_be_saved(mortal, browse, tmp_path):
    studio = Studio(browse(viewport=WIDE, reduced_motion="reduce").new_page(), mortal.address)
    studio.choose("sampler", "ReMDM-cap")
    studio.typed("steps", 1024)
    studio.start()
    studio.page.wait_for_function(f"+document.querySelector('{studio.selector}').dataset.steps >= 3")
    mortal.process.kill()
    expect(studio.player.locator(".rp-notice")).to_contain_text("What was written so far stays here")
    end = studio.state()
    assert not end["live"] and 3 <= end["steps"] < 1024 and studio.at(end["steps"])["masked"] > 0
    with studio.page.expect_download() as waiting:
        studio.player.locator("[data-rescue]").click()
    waiting.value.save_as(tmp_path / "saved.json")
    trace = load(tmp_path / "saved.json")
    assert waiting.value.suggested_filename == "text-remdm-cap-1024-unfinished.json"
    assert list(trace.final) == end["ids"] and len(trace.steps) == end["steps"]
    studio.player.locator('[data-do="first"]').click()
    assert studio.at(0)["masked"] == 160
    studio.page.context.close()


def test_a_start_behind_the_end_of_its_run_begins_nothing(studio):
    """What was sent just before Stop may arrive behind what Stop sent."""
    model = TEXT.models[0]
    request = RunRequest(TEXT, model, "", model.length, settings("mdlm", 16), 1)
    run = StreamedRun("late", prepare(request), threading.Event())
    start, end = Stream(run).begin(), ended(run, made(run), stopped=True)
    studio.page.evaluate(
        f"(texts) => texts.forEach((text) => document.querySelector('{studio.selector}').__stage.push(text))",
        [start, end, start],
    )
    assert studio.at(0)["run"] == "late" and not studio.state()["live"]
    expect(studio.player.locator(".rp-badge")).to_have_text("stopped")


def test_scrubbing(studio):
    end = studio.run()
    do = lambda name: studio.player.locator(f'[data-do="{name}"]').click()
    slider, heat = studio.player.locator(".rp-slider"), studio.player.locator("[data-role=heatmap]")
    do("first")
    start = studio.at(0)
    assert start["masked"] == 160 and set(start["states"]) == {"masked"}
    do("next")
    assert studio.at(1)["decodedNow"] > 0
    slider.focus()
    studio.page.keyboard.press("ArrowRight")
    studio.page.keyboard.press("ArrowRight")
    studio.page.keyboard.press("ArrowLeft")
    studio.at(2)
    studio.page.keyboard.press("End")
    assert studio.at(end["steps"])["ids"] == end["ids"]
    slider.fill("9")
    there = studio.at(9)
    assert there["ids"] != end["ids"] and there["masked"] > 0
    box = heat.bounding_box()
    heat.click(position={"x": box["width"] * 11.5 / end["steps"], "y": box["height"] * 40.5 / 160})
    assert studio.at(12)["selected"] == 40
    do("first")
    do("play")
    studio.player.locator("[aria-label=Speed]").select_option("8")
    appears(studio.page, f'{studio.selector}[data-status="done"][data-step="{end["steps"]}"]')


def test_the_life_of_a_token(studio):
    studio.typed("steps", 32)
    assert studio.run()["revised"] > 0
    chips = studio.player.locator(".rp-stage .rp-t:not(.rp-pad)")
    places = [place for place, mark in enumerate(studio.state()["marks"]) if mark == "revised"]
    place = next(place for place in places if place < chips.count())  # the padding stands at the end
    chip = studio.player.locator(".rp-stage .rp-t").nth(place)
    expect(studio.part("run")).to_be_enabled()
    chip.click()
    expect(chip).to_have_attribute("aria-selected", "true")
    life = studio.player.locator("[data-role=popover]")
    events = life.locator(".rp-event")
    expect(events.nth(2)).to_be_visible()
    kinds = events.locator(".rp-what").all_inner_texts()
    assert kinds[:3] == ["decoded", "remasked", "decoded"]
    last = life.locator(".rp-is-remasked").last  # the mark tells of the last time the token went
    expect(last).to_contain_text(re.compile(r"σ 0\.\d+ · ψ .*revised: came back as .* at step \d+", re.S))
    expect(events.nth(0).locator(".rp-choice")).not_to_have_count(0)
    jump = events.nth(1).locator(".rp-jump")
    step = int(jump.get_attribute("data-seek"))
    jump.click()
    state = studio.at(step)
    assert state["states"][place] == "remasked" and state["selected"] == place
    chip = studio.player.locator(".rp-stage .rp-t").nth(place)
    assert chip.inner_text().strip() and "line-through" in chip.evaluate("e => getComputedStyle(e).textDecorationLine")
    studio.page.keyboard.press("Escape")
    expect(life).to_be_hidden()


def test_the_confidence_weight_is_told(studio):
    studio.choose("sampler", "ReMDM-conf")
    studio.run()
    place = studio.page.evaluate(
        f"document.querySelector('{studio.selector}').__stage.state().marks.findIndex(mark => mark !== '')"
    )
    studio.player.locator(".rp-stage .rp-t").nth(place).click()
    expect(studio.player.locator(".rp-is-remasked").first).to_contain_text("% of this step's remasking")


def test_errors_are_underlined_and_counted(studio):
    studio.choose("sampler", "MDLM")
    studio.typed("steps", 8)
    end = studio.run()
    assert end["errors"] > 0, "eight steps are too few for a story without errors"
    left = int(studio.player.locator(".ln-errors").inner_text())
    studio.player.locator("summary", has_text="Errors from birth").click()
    first = studio.player.locator(".ln-error", has_text="stands to the end").first
    bad = studio.player.locator(".rp-stage .rp-bad")
    assert all(each.get_attribute("title") for each in bad.all())
    assert "underline" in bad.first.evaluate("e => getComputedStyle(e).textDecorationLine")
    first.click()
    expect(studio.player.locator(".rp-stage [data-hot]")).not_to_have_count(0)
    errors = studio.charts()["errors"][0]
    assert len(errors) == 8 and errors[-1] == end["errors"] == left


def test_numbers_and_charts_belong_to_the_run(studio):
    end = studio.run()
    numbers = studio.part("numbers").inner_text()
    for value, name in ((end["steps"], "steps"), (end["forwards"], "NFE"), (end["remasks"], "remasked"),
                        (end["revised"], "revised"), (end["churned"], "churned")):  # fmt: skip
        assert re.search(rf"\b{value}\s+{name}\b", numbers), (value, name)
    assert "entropy" in numbers and "distinct 2-grams" in numbers
    charts = studio.charts()
    assert charts["remasks"][0][-1] == end["remasks"] and charts["masks"][0][-1] == 0
    assert all(used <= most + 1e-9 for used, most in zip(*charts["sigma"], strict=True))


def test_controls_that_do_not_apply_disappear(studio):
    gone, there = (
        lambda *names: [expect(studio.part(n)).to_have_count(0) for n in names],
        lambda *names: [expect(studio.part(n)).to_be_visible() for n in names],
    )
    there("eta", "t_on", "t_off", "alpha_on", "nucleus_p", "temperature", "nucleus", "precision", "count")
    gone("t_switch", "swaps", "length")
    studio.fold("parts", studio.part("transition"), True)
    there("transition", "rule", "weighting", "plan", "schedule")
    studio.choose("plan", "late only")
    there("t_switch", "eta")
    gone("t_on", "t_off", "alpha_on")
    studio.choose("rule", "never")
    gone("eta", "weighting")
    studio.choose("plan", "short steps")
    gone("schedule", "t_switch")
    studio.choose("transition", "most confident first (LLaDA)")
    gone("rule", "weighting")
    studio.choose("transition", "each position alone")
    studio.choose("rule", "rescaled")
    studio.choose("weighting", "unsure now")
    studio.choose("plan", "at every step")
    studio.choose("schedule", "cosine")
    assert studio.run()["masked"] == 0
    studio.choose("sampler", "ReMDM-cap")
    eta = studio.part("eta").locator("input[type=number]")
    expect(eta).to_have_value("0.04")
    studio.typed("steps", 1024)
    expect(eta).to_have_value("0.008")


@pytest.mark.parametrize(
    "set_up, sentence",
    [
        (lambda s: s.prompt("The zebbra sat."), "does not know the word “zebbra”"),
        (lambda s: s.prompt(EVIL), "does not know the word “<”"),
        (lambda s: s.prompt("the " * 200), "The prompt takes more than 10 lines of 16 words"),
        (lambda s: s.prompt("Rosa " * 157 + "."), "There is nothing to write"),
        (lambda s: s.typed("t_off", 0.9), "t_off must lie below t_on, got t_off 0.9 and t_on 0.55"),
        (lambda s: s.typed("seed", ""), "Seed must be a whole number from 0 to .*, got nothing"),
        (lambda s: s.typed("seed", -1), "Seed must be a whole number from 0 to .*, got -1"),
        (lambda s: s.typed("seed", 1.5), "Seed must be a whole number from 0 to .*, got 1.5"),
    ],
)  # fmt: skip
def test_impossible_values_get_one_sentence(studio, app, set_up, sentence):
    written = app.log.read_text(encoding="utf-8")
    run = studio.state()["run"]
    set_up(studio)
    studio.part("run").click()
    said = studio.refused()
    assert re.search(sentence, said) and said.endswith(".") and "\n" not in said
    studio.ready()
    assert studio.state()["run"] == run
    assert app.log.read_text(encoding="utf-8") == written, "no traceback"


def test_a_page_that_nobody_touches_comes_to_rest(studio):
    """Whatever is drawn in every frame, as by Gradio's loading sign, asks what time it is."""
    rests = """() => new Promise((done) => {
      const now = performance.now.bind(performance);
      let asked = 0;
      performance.now = () => (asked++, now());
      setTimeout(() => { delete performance.now; done(!asked); }, 300);
    })"""
    assert any(studio.page.evaluate(rests) for _ in range(40)), "it draws for ever"


def test_fields_keep_numbers_in_range(studio):
    studio.typed("steps", 99999)
    assert studio.value("steps") == 1024
    studio.typed("steps", "")
    assert studio.value("steps") == 1


def test_prompts_and_blanks(studio):
    text = "On Tuesday, Rosa and her friend _ were at the pond. _5 ..."
    studio.prompt(text)
    end = studio.run()
    words = studio.texts()
    assert end["states"][1:7] == ["given"] * 6 and words[1:3] == ["On", "Tuesday"]
    assert "given" not in (end["states"][8], end["states"][16]) and end["masked"] == 0
    studio.part("examples").get_by_role("combobox").click()
    studio.page.get_by_role("option", name=re.compile("^One sunny morning")).click()
    expect(studio.part("prompt").locator("textarea")).to_have_value(re.compile(r"\.\.\.$"))


def test_three_samples(studio, tmp_path):
    studio.typed("count", 3)
    labels = studio.watch("run")
    studio.start()
    appears(studio.page, f"{studio.selector}:not([data-live])")
    studio.ready()
    assert {f"Running {place} of 3 …" for place in (1, 2, 3)} <= set(labels())
    options = studio.part("samples").get_by_role("radio")
    expect(options).to_have_count(3)
    ids = [studio.state()["ids"]]
    for place in (0, 1):
        before = studio.player.get_attribute("data-run")
        options.nth(place).check()
        appears(studio.page, f'{studio.selector}[data-run]:not([data-run="{before}"])')
        ids.append(studio.state()["ids"])
    assert len({tuple(each) for each in ids}) == 3
    expect(studio.part("numbers")).to_contain_text("sample 2")
    trace = load(studio.saved(tmp_path))
    assert trace.run["index"] == 1 and list(trace.final) == ids[2]
    studio.typed("count", 1)
    assert studio.run()["ids"] == ids[1], "the first of many is the run made alone"
    expect(studio.part("samples")).to_have_count(0)


def test_a_saved_trace_opens_again(studio, tmp_path):
    end = studio.run()
    path = studio.saved(tmp_path)
    trace = load(path)
    assert list(trace.final) == end["ids"] and trace.run["seed"] == 7 and path.name.startswith("text-remdm-loop-16-7")
    studio.typed("seed", 8)
    studio.run()
    again = studio.opened(path)
    same = ("ids", "marks", "remasks", "revised", "churned", "forwards", "errors", "steps")
    assert {name: again[name] for name in same} == {name: end[name] for name in same}
    expect(studio.part("numbers")).to_contain_text("seed 7")
    plain = tmp_path / "plain.json"
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    assert studio.opened(plain)["ids"] == end["ids"]
    assert load(studio.saved(tmp_path)).run == trace.run


def test_text_of_a_trace_is_never_markup(studio, tmp_path):
    steps = studio.run()["steps"]
    trace = load(studio.saved(tmp_path))
    words = {str(token): f" {EVIL}{token}" for token in trace.words}
    run = {**trace.run, "sampler": EVIL, "model": EVIL, "prompt": EVIL}
    final = {"ids": list(trace.final), "text": EVIL}
    evil = changed(trace, tmp_path / "evil.json", {"words": words, "run": run, "final": final})
    shown_now = studio.opened(evil)
    assert shown_now["steps"] == steps
    assert studio.player.locator(".rp-stage .rp-t").first.inner_text().startswith("<img")
    assert studio.player.locator("img, script").count() == 0
    assert studio.page.locator(".outcome img, .outcome script").count() == 0
    expect(studio.part("numbers")).to_contain_text("<img src=x")
    studio.player.locator(".rp-stage .rp-t").nth(3).click()
    studio.player.locator(".rp-stage .rp-t").nth(3).hover()
    expect(studio.player.locator(".rp-word")).to_contain_text("<img")
    assert load(studio.saved(tmp_path)).run["sampler"] == EVIL


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"once upon a time", "The file is not JSON"),
        (b"\x1f\x8b not really", "The file is not a whole gzip file"),
        (b'{"format": "other"}', "This file cannot be shown"),
        (b"[]", "This file cannot be shown"),
        ({"start": [EVIL]}, "This file cannot be shown"),
        ({"length": 10**9}, "This file cannot be shown"),
        ({"run": {"domain": EVIL}}, "It belongs to the domain <img src=x"),
        ({"mask_id": 1}, "This file cannot be shown"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused(studio, app, tmp_path, content, sentence):
    written = app.log.read_text(encoding="utf-8")
    run = studio.state()["run"]
    path = tmp_path / "wrong.json"
    if isinstance(content, dict):
        recorded = load(Path(__file__).parents[2] / "assets" / "recorded" / "text.json.gz")
        changed(recorded, path, content)
    else:
        path.write_bytes(content)
    studio.open(path)
    assert sentence in studio.refused()
    assert studio.state()["run"] == run and app.log.read_text(encoding="utf-8") == written
    studio.ready()


@pytest.mark.parametrize("size, theme", [(WIDE, "dark"), (PHONE, "light")], ids=["wide-dark", "phone-light"])
def test_every_size_and_theme(visit, size, theme):
    phone = size is PHONE
    studio = visit(size, f"?__theme={theme}", has_touch=phone, is_mobile=phone, color_scheme=theme)
    assert studio.sideways() == 0
    studio.charts()
    assert studio.sideways() == 0
    run = studio.part("run").bounding_box()
    assert run["y"] + run["height"] <= size["height"], "Run is there without scrolling"
    width = studio.page.evaluate(f"document.querySelector('{studio.selector}').getBoundingClientRect().width")
    assert width > (300 if phone else 1200)
    ink, paper = studio.page.evaluate(
        """() => { const light = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number); return r + g + b; };
        const of = (e, what) => light(getComputedStyle(e)[what]);
        return [of(document.querySelector('.rp .ln-about'), 'color'), of(document.body, 'backgroundColor')]; }"""
    )
    assert (ink > paper) == (theme == "dark")
    if phone:
        studio.typed("steps", 8)
        studio.part("run").click()
        studio.ended()
        assert studio.sideways() == 0
    for view in ("Learn", "Measure", "Theory", "Gallery"):
        studio.show(view)
        assert studio.sideways() == 0, view


def test_a_closed_page_does_not_hold_the_queue(visit, studio):
    other = visit()
    other.typed("steps", 1024)
    other.start()
    other.page.close()
    assert studio.run()["masked"] == 0


def test_scaling_shows_what_was_measured_and_adds_a_cell_of_ones_own(studio):
    page = studio.page
    studio.show("Measure")
    studio.show("Scaling")
    page.wait_for_selector("#scaling-chart .main-svg", state="attached")
    page.locator("#scaling-numbers > button").click()
    data = "document.querySelector('#scaling-chart .js-plotly-plot').data"
    lines = f"{data}.filter(each => each.marker).map(each => [each.name, each.marker.symbol])"
    there = page.evaluate(lines)
    assert len(there) > 3 and not any(symbol.endswith("-open") for _, symbol in there)
    page.locator("#scaling-steps input[type=number]").fill("4")
    page.locator("#scaling-count input[type=number]").fill("8")
    page.locator("#scaling-run").click()
    expect(page.locator("#scaling-table")).to_contain_text("yours: ReMDM-cap")
    expect(page.locator("#scaling-run")).to_have_text("Measure")
    assert page.evaluate(lines) == [*there, ["yours: ReMDM-cap", "square-open"]]
    page.locator("#scaling-clear").click()
    expect(page.locator("#scaling-table")).not_to_contain_text("yours")


def test_values_that_no_browser_sends_are_refused():
    """The same checks stand behind the page: here as a plain call, for fields that browsers keep in range."""
    import gradio as gr

    from remdm.app.workbench.settings import Panel
    from remdm.domains.registry import DOMAINS

    with gr.Blocks():
        panel = Panel(DOMAINS["text"])
    values = {each: each.value for each in panel.inputs}
    for part, bad in ((panel.steps, None), (panel.steps, 0), (panel.steps, 2.5), (panel.samples, 9), (panel.seed, True),
                      (panel.knobs["eta"], None), (panel.knobs["eta"], 7), (panel.drawing["temperature"], "hot"),
                      (panel.sampler, "x"), (panel.parts["rule"], "x"), (panel.precision, 16)):  # fmt: skip
        with pytest.raises(ValueError):
            panel.requests({**values, part: bad})
    assert len(panel.requests(values)) == 1
