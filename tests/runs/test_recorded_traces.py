"""The same seeds give the traces they gave before: every sampler exactly, embedded models up to rounding."""

import base64

import numpy as np
import pytest
import recorded_traces as recorded

ROUNDING = 1e-4
"""Of float32: machines add up a product's terms in different orders."""
BEFORE = {path: recorded.kept(path) for path in (recorded.IDEAL, recorded.EMBEDDED)}
EXACT = ("t", "s", "alpha_t", "alpha_s", "phase", "remasked", "forwards")


@pytest.mark.parametrize("name", BEFORE[recorded.IDEAL])
def test_a_closed_form_run_is_the_same(name):
    made = recorded.closed_form(name)
    assert made.keys() == BEFORE[recorded.IDEAL][name].keys()
    for seed, trace in made.items():
        assert trace == BEFORE[recorded.IDEAL][name][seed]


def alternatives(step: dict) -> np.ndarray:
    """The probabilities of the likeliest tokens at each decoded position, `[n, 5]`."""
    return np.array([[p for _, p in top] + [0.0] * (5 - len(top)) for top in step["alternatives"]]).reshape(-1, 5)


def confidence(step: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(step["confidence"]), np.uint8).astype(float)


@pytest.mark.parametrize("command", BEFORE[recorded.EMBEDDED])
def test_a_run_of_an_embedded_model_is_the_same(command, tmp_path):
    made, before = recorded.embedded(command, tmp_path), BEFORE[recorded.EMBEDDED][command]
    for name in ("format", "version", "run", "length", "mask_id", "start", "final"):
        assert made[name] == before[name], name
    assert len(made["steps"]) == len(before["steps"])
    for step, old in zip(made["steps"], before["steps"], strict=True):
        assert [step[name] for name in EXACT] == [old[name] for name in EXACT]
        assert [place[:2] for place in step["decoded"]] == [place[:2] for place in old["decoded"]]
        for now, then in (
            ([p for *_, p in step["decoded"]], [p for *_, p in old["decoded"]]),
            (alternatives(step), alternatives(old)),
            (step["sigma"], old["sigma"]),
            (step.get("weights", []), old.get("weights", [])),
        ):
            np.testing.assert_allclose(now, then, rtol=0, atol=ROUNDING)
        np.testing.assert_allclose(confidence(step), confidence(old), rtol=0, atol=1)
