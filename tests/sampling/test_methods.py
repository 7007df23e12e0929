"""The table of samplers: the papers' defaults, what is refused, and that every row runs."""

import pytest
import torch

from remdm.models.ideal import IdealDenoiser, letters
from remdm.sampling.knobs import pairs
from remdm.sampling.methods import build, parse, run, settings
from remdm.sampling.parts import PLANS, TABLES, TRANSITIONS, WEIGHTINGS, applicable
from remdm.sampling.presets import METHODS
from remdm.sampling.schedule import SCHEDULES
from remdm.sampling.time_grid import LOOP
from remdm.sampling.transition import Ancestral

IDEAL = letters()
MASK = IDEAL.mask_id


@pytest.mark.parametrize(
    ("name", "short", "long"),
    [
        ("remdm-cap", 0.04, 0.008),
        ("remdm-rescale", 0.045, 0.015),
        ("remdm-loop", 0.055, 0.02),
        ("remdm-switch", 0.04, 0.008),
    ],
)
def test_eta_of_table_6_is_chosen_by_the_number_of_steps(name, short, long):
    assert [settings(name, n).values["eta"] for n in (128, 1023, 1024, 4096)] == [short, short, long, long]


def test_what_is_given_replaces_a_default_and_none_does_not():
    made = settings("remdm-cap", 64, eta=0.3, nucleus_p=None, temperature=0.7, plan="loop", t_on=0.6, schedule="cosine")
    assert made.values == {"eta": 0.3, "t_on": 0.6, "t_off": 0.05, "alpha_on": 0.9}
    assert made.truncation.nucleus_p == 0.9 and made.truncation.temperature == 0.7 and made.schedule == "cosine"
    assert made.flat()["eta"] == 0.3 and made.flat()["plan"] == "loop" and made.flat()["precision"] == 64


@pytest.mark.parametrize("name", METHODS)
def test_a_run_can_be_made_again_from_its_flat_settings(name):
    made = settings(name, 32)
    assert settings(name, 32, **made.flat()) == made


@pytest.mark.parametrize(
    ("name", "n", "given", "why"),
    [
        ("ddpm", 8, {}, "sampler must be one of mdlm, .* got ddpm"),
        ("mdlm", 0, {}, "steps must be a whole number from 1 to 8192, got 0"),
        ("mdlm", 8193, {}, "got 8193"),
        ("mdlm", True, {}, "got True"),
        ("mdlm", 8.0, {}, "got 8.0"),
        ("mdlm", 8, {"eta": 0.1}, "eta does not apply to mdlm"),
        ("llada", 8, {"rule": "cap", "eta": 0.1}, "eta does not apply to llada"),
        ("remdm-cap", 8, {"eta": 1.5}, "eta must lie between 0 and 1, got 1.5"),
        ("remdm-cap", 8, {"rule": "cup"}, "rule must be one of never, .* got cup"),
        ("remdm-loop", 8, {"t_on": 0.1, "t_off": 0.2}, "t_off must lie below t_on, got t_off 0.2 and t_on 0.1"),
        ("mdlm", 8, {"nucleus_p": 0.0}, "nucleus_p must lie between 0.01 and 1, got 0.0"),
        ("mdlm", 8, {"precision": 16}, "precision must be 64 or 32 bits, got 16"),
        ("dfm", 8, {"schedule": "cosine"}, "plan capped needs the linear schedule, got cosine"),
        ("mdlm", 8, {"schedule": "sigmoid"}, "schedule must be one of linear, .* got sigmoid"),
        ("remdm-llada", 8, {"swaps": 1.5}, "swaps must be a whole number, got 1.5"),
    ],
)
def test_what_does_not_go_together_is_refused(name, n, given, why):
    with pytest.raises(ValueError, match=why):
        settings(name, n, **given)


def runs_to_the_end(chosen):
    """Every frame's bookkeeping adds up, and nothing is left masked."""
    state = None
    for record in run(IDEAL, chosen, torch.full((2, 5), IDEAL.mask_id), (1, 2)):
        assert state is None or record.before is state
        assert not (record.remasked & ~record.before.decoded).any()
        state = record.after
    assert not state.masked.any()


@pytest.mark.parametrize(
    ("name", "given", "on"),
    [
        ("remdm-loop", {}, lambda step: step.phase == LOOP),
        ("remdm-cap", {"plan": "loop-times"}, lambda step: step.phase == LOOP),
        ("remdm-conf", {"plan": "loop"}, lambda step: step.phase == LOOP),
        ("remdm-switch", {}, lambda step: step.t <= 0.5),
        ("remdm-switch", {"t_switch": 0.25}, lambda step: step.t <= 0.25),
        ("remdm-cap", {}, lambda step: True),
        ("mdlm", {}, lambda step: False),
    ],
)
def test_a_plan_says_when_tokens_may_go(name, given, on):
    """sigma as the chain uses it: positive on the plan's steps (but for the last, where its bound is 0), else 0."""
    for record in run(IDEAL, settings(name, 32, **given), torch.full((1, 5), MASK), (1,), watch=False):
        decoded = bool(record.before.decoded.any()) or name != "remdm-conf"
        free = on(record.step) and record.step.sigma_max > 0 and decoded
        assert bool(torch.as_tensor(record.sigma).max() > 0) == free


@pytest.mark.parametrize(("given", "written"), [({"nucleus_p": 0.7}, {0}), ({"nucleus_p": 1.0}, {0, 1})])
def test_a_run_draws_from_the_truncated_distribution(given, written):
    """0 has two thirds of the mass."""
    denoiser = IdealDenoiser(torch.tensor([[0, 0], [0, 0], [1, 1]]), 3, 2)
    *_, last = run(denoiser, settings("mdlm", 4, **given), torch.full((40, 2), 2), tuple(range(40)))
    assert set(last.after.tokens.flatten().tolist()) == written


@pytest.mark.parametrize("transition", TRANSITIONS)
@pytest.mark.parametrize("plan", PLANS)
def test_parts_combine_freely(plan, transition):
    weighting = "rescored" if plan == "loop" else "conf"
    chosen = settings("remdm-cap", 9, plan=plan, transition=transition, weighting=weighting, temperature=0.9)
    runs_to_the_end(chosen)
    assert set(chosen.values) == set(applicable(chosen.parts))
    assert isinstance(build(chosen)[0], Ancestral) == (transition == "ancestral")


@pytest.mark.parametrize("name", METHODS)
def test_every_row_runs_on_every_schedule_and_in_one_step(name):
    for schedule in SCHEDULES if METHODS[name].plan != "capped" else ("linear",):
        for n in (1, 2, 5):
            runs_to_the_end(settings(name, n, schedule=schedule))


def test_every_part_has_a_title_and_a_hint():
    parts = [part for table in TABLES.values() for part in table.values()]
    assert all(part.title and part.help and len(part.help) < 120 for part in parts)
    assert all(field.metadata["knob"]["help"] for part in parts for field in part.knobs.values())
    assert set(WEIGHTINGS) == {"even", "conf", "rescored"}


def test_every_option_can_be_given_as_text():
    chosen = settings("remdm-conf", 12, eta=1, nucleus_p=0.5)
    texts = {name: str(value) for name, value in chosen.flat().items()} | {"steps": "12"}
    assert settings("remdm-conf", **parse(texts)).flat() == chosen.flat()
    assert repr(chosen.values["eta"]) == repr(settings("remdm-conf", 12, eta=1.0).values["eta"]) == "1.0"


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ({"force": "1"}, "“force=1” is not a setting"),
        ({"eta": "lots"}, "eta must be a number, got lots"),
        ({"swaps": "1.5"}, "swaps must be a whole number, got 1.5"),
        ({"eta": ""}, "eta must be a number, got nothing"),
    ],
)
def test_a_text_that_is_not_a_setting_is_refused(texts, sentence):
    with pytest.raises(ValueError, match=sentence):
        parse(texts)


@pytest.mark.parametrize("text", ["eta", "=1", "eta 0.1"])
def test_pairs_have_a_name_and_a_value(text):
    with pytest.raises(ValueError, match="is not a setting; write name=value"):
        pairs(text)
    assert pairs(" eta = 0.1 , , steps=3") == {"eta": "0.1", "steps": "3"}
