"""Learn: each station's effect, read from the recorded runs and seen again live; and the stations on the page."""

import json

import pytest
from playwright.sync_api import expect
from studio import appears

from remdm.app.learn import checks, recorded
from remdm.app.learn.learn import answer, where
from remdm.app.learn.stations import course, points
from remdm.domains.registry import DOMAINS
from remdm.evaluation.judging import ASKED, DOUBTED, judge
from remdm.runs.record import prepare
from remdm.studies import lesson

TEXT = DOMAINS["text"]
INDEX = recorded.index()
RECORDED = recorded.Recorded(TEXT)
BOARD = "#learn-board .rp"


def runs(board):
    return RECORDED.samples(board)


def mean(eta, steps):
    return next(each for each in points() if (each["eta"], each["steps"]) == (eta, steps))


@pytest.mark.parametrize("board", INDEX["boards"])
def test_a_board_is_what_the_index_says(board):
    about = INDEX["boards"][board]
    for lane, sample in zip(about["lanes"], runs(board), strict=True):
        run = sample.trace.run
        assert (run["model"], run["seed"], run["steps"]) == (about["model"], about["seed"], about["steps"])
        assert run["sampler"] == lane["sampler"] and lane["settings"].items() <= run["settings"].items()
        assert lane["title"] and lane["about"]


def test_1_words_of_one_step_do_not_see_each_other():
    (sample,) = runs("many")
    assert len(sample.trace.steps) <= lesson.FEW_STEPS and sample.errors_left > mean(0.0, 128)["errors"]
    together = [
        len({checks.written(sample, place)[0] for place in issue.positions}) < len(issue.positions)
        for issue in sample.issues[-1]
    ]
    assert any(together), "an error lies among words of the same step"
    check = checks.errors_at_the_end(sample)
    assert {place for each in check["answers"] for place in each["positions"]} == {
        place for issue in sample.issues[-1] for place in issue.positions
    }


def test_2_one_side_keeps_its_errors_and_the_other_takes_them_back():
    plain, remasked = runs("repair")
    assert plain.trace.run["coupled"] and remasked.trace.run["coupled"], "both draw the same random numbers"
    assert plain.errors_left > 0 == remasked.errors_left
    assert not any(each.remasked for each in plain.trace.steps)
    found = checks.repairs(remasked)
    assert found and all(gone - born >= checks.LASTING for born, gone, _ in found)
    for born, _, place in found:
        assert any(place in issue.positions for issue in remasked.issues[born - 1])
    assert checks.moments_of_repair(remasked, plain)["answers"]


def test_3_remasking_turns_network_evaluations_into_fewer_errors():
    for steps in lesson.BUDGET_STEPS[1:]:
        assert mean(0.1, steps)["errors"] < mean(0.0, steps)["errors"]
    assert mean(0.1, 256)["errors"] < mean(0.1, 64)["errors"] < mean(0.1, 32)["errors"]
    assert mean(0.0, 256)["nfe"] < mean(0.1, 256)["nfe"] - 50, "MDLM soon has nothing to ask for"
    (best,) = checks.cheapest(points())["answers"][0]["points"]
    assert points()[best]["errors"] < checks.FEW
    assert not any(each["errors"] < checks.FEW and each["nfe"] < points()[best]["nfe"] for each in points())
    assert all(each["errors"] >= checks.FEW for each in points() if not each["eta"]), "MDLM never gets there"


def test_4_a_word_is_doubted_when_it_is_hidden_and_hardly_ever_in_view():
    judged = INDEX["judged"]
    assert judged["wrong_hidden"] > 0.3 * judged["wrong"] and judged["wrong_visible"] < 0.1 * judged["wrong"]
    assert judged["right_hidden"] < 0.2 * judged["right"]
    visible, hidden = runs("asked")
    assert visible.trace.final == hidden.trace.final, "every hidden word is put back"
    answers = checks.doubted_errors(visible, hidden)["answers"]
    about = INDEX["boards"]["asked"]
    again = judge(prepare(lesson.run_of(about)), hidden.trace.final)  # live
    for each in answers:
        (place,) = each["positions"]
        assert again.hidden[place] < DOUBTED * 1.2 and place in again.wrong | {
            position for issue in hidden.issues[-1] for position in issue.positions
        }
    assert len([each for each in answers if again.visible[each["positions"][0]] > 0.5]) >= 2
    asked = [each for each in hidden.trace.steps if each.phase == ASKED]
    assert sum(len(each.remasked) for each in asked) == len(again.words)


def test_4_what_llada_calls_remasking_takes_no_word_back():
    plain, remasked = runs("llada")
    assert not any(each.remasked for each in plain.trace.steps)
    assert any(each.remasked for each in remasked.trace.steps) and remasked.errors_left < plain.errors_left


def test_5_mdlm_keeps_a_planted_word_and_remdm_removes_some():
    removed = INDEX["planted"]["removed"]
    assert removed["MDLM"] == 0 < removed["ReMDM"] <= INDEX["planted"]["count"]
    live = lesson.planted({**INDEX["boards"]["plant"], "steps": 32}, 8)  # the same with fewer and shorter runs
    assert live["removed"]["MDLM"] == 0 < live["removed"]["ReMDM"]


def test_an_answer_is_right_only_if_the_word_stays_on_one_side():
    told = [json.loads(answer(stands, ("It stands.", "It went."), ("MDLM", "ReMDM")))
            for stands in ([True, False], [True, True], [False, False])]  # fmt: skip
    assert [each["right"] for each in told] == [True, False, False]
    assert "another word" not in told[0]["sentence"] and "another word" in told[1]["sentence"]


@pytest.mark.parametrize(
    "text",
    ["", "{}", '{"lane": -1, "position": -1, "step": 3}', '{"lane": 9, "position": 1, "step": 3}',
     '{"lane": 0, "position": "1", "step": 3}', '{"lane": 1, "position": 3, "step": 99999}'],
)  # fmt: skip
def test_what_the_stage_does_not_hold_is_refused_in_a_sentence(text):
    with pytest.raises(ValueError, match=r"Click a word|At the last step"):
        where(text, runs("plant"))


def test_the_texts_quote_what_was_measured():
    told = course(RECORDED).stations
    assert len(told) == 5 and len(course(RECORDED).boards) == 6 + len(points())
    assert f"{INDEX['judged']['wrong_hidden']} of them hidden" in told[3].text
    assert f"ReMDM removed {INDEX['planted']['removed']['ReMDM']}" in told[4].text


def test_the_stations_check_themselves(studio):
    page = studio.page
    studio.show("Learn")
    said, steps = page.locator(".ls-answer"), page.locator(".ls-step")
    expect(steps).to_have_count(5)
    appears(page, f"{BOARD}:not([data-live])")
    token = lambda lane, place: (
        page.locator(f"{BOARD} [data-role=lane]").nth(lane).locator(f'[data-role=token][data-position="{place}"]')
    )
    stations = course(RECORDED).stations
    wrong = {place for each in stations[0].check["answers"] for place in each["positions"]}
    right = next(place for place in range(1, 160) if place not in wrong and token(0, place).is_visible())
    token(0, right).click()
    expect(said).to_contain_text("That word is right")
    page.keyboard.press("Escape")  # its life may lie over the next one
    token(0, min(wrong)).click()
    expect(said).to_contain_text("The checker says")
    expect(steps.nth(0)).to_have_attribute("data-done", "")
    page.locator(".ls-next").click()
    expect(page.locator(".ls-title")).to_have_text(stations[1].title)
    appears(page, f"{BOARD}[data-panes='2']")
    page.locator(f"{BOARD} [data-role=slider]").fill("0")
    expect(said).to_contain_text("Not yet")
    for _ in range(40):
        if said.get_attribute("data-right") == "true":
            break
        before = page.locator(BOARD).get_attribute("data-step")
        page.keyboard.press("e")
        appears(page, f"{BOARD}:not([data-step='{before}'])")
        page.evaluate(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
        )
    expect(said).to_contain_text("Here it is")
    steps.nth(2).click()
    best = stations[2].check["answers"][0]["points"][0]
    page.locator('.ls-chart [data-point="0"]').click()
    expect(said).to_contain_text("MDLM, T = 32")
    page.locator(f'.ls-chart [data-point="{best}"]').focus()
    page.keyboard.press("Enter")
    expect(said).to_contain_text("Right:")
    steps.nth(3).click()
    appears(page, f"{BOARD} [data-role=lane][aria-label='Hidden']")
    token(1, stations[3].check["answers"][0]["positions"][0]).click()
    expect(said).to_contain_text("hidden only")
    page.locator(".ls-more").click()
    appears(page, f"{BOARD} [data-role=lane][data-sampler='llada']")
    expect(said).to_contain_text("never taken back")
    expect(page.locator("#learn-plant")).to_be_hidden()


def test_a_wrong_word_goes_on_in_both_lanes_and_can_be_stopped(studio):
    page = studio.page
    studio.show("Learn")
    page.locator(".ls-step").nth(4).click()
    appears(page, f"{BOARD}[data-panes='2']")
    page.locator("#learn-plant").click()
    assert studio.refused() == "Click a word on the stage first: the one that becomes wrong."
    step = INDEX["planted"]["step"]
    page.locator(f"{BOARD} [data-role=slider]").fill(str(step))
    appears(page, f"{BOARD}[data-step='{step}']")
    lane = page.locator(f"{BOARD} [data-role=lane]").nth(1)
    lane.locator("[data-role=token][data-state=kept]:visible").nth(12).click()
    page.locator("#learn-plant").click()
    expect(page.locator(".ls-answer")).to_contain_text("MDLM: “")
    expect(page.locator(".ls-answer")).to_contain_text("it stands to the end")
    expect(lane.locator(".rp-pane-outcome")).to_be_visible()
    expect(page.locator("#learn-plant")).to_be_enabled()
    page.locator(f"{BOARD} [data-role=slider]").fill("30")
    appears(page, f"{BOARD}[data-step='30']")
    lane.locator("[data-role=token][data-state=kept]:visible").first.click()
    page.locator("#learn-plant").click()
    page.locator("#learn-stop").click()
    expect(page.locator("#learn-plant")).to_be_enabled()
