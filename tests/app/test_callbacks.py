"""Every number that reaches a callback lies in the range of its control, whoever sends it: the page's or anyone's."""

import inspect
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from gradio.components import Component

from remdm import limits
from remdm.app.components.ranges import Dial, NumberField, OutOfRange, within
from remdm.app.events import Given, guarded
from remdm.app.page import page
from remdm.domains import registry

NUMBERS = (gr.Slider, gr.Number)
BAD = [1e17, -1e8, 10**400, float("nan"), float("inf"), -float("inf"), None, True, "7", "x" * 10_000, [7], {"value": 7}]


@pytest.fixture(scope="module")
def app() -> gr.Blocks:
    return page(registry.DOMAINS, registry.measurements(), registry.tabs())


def numbers(blocks: Any) -> list[Component]:
    return [each for each in blocks if isinstance(each, NUMBERS)]


def test_every_number_on_the_page_is_held_to_its_range(app):
    found = numbers(app.blocks.values())
    assert len(found) > 40
    for each in found:
        assert isinstance(each, Dial | NumberField), f"{each.label} takes any number that a browser sends"
        assert all(isinstance(each.preprocess(value), OutOfRange) for value in BAD), each.label
        assert each.preprocess(each.value) == each.value and not isinstance(each.value, OutOfRange)


def test_no_callback_is_called_with_anything_else(app):
    functions = [each.fn for each in app.fns.values() if each.fn is not None]
    assert len(functions) > 80
    for function in functions:
        assert vars(function).get("guarded"), f"{function.__qualname__} is connected past remdm.app.events.on"


def shown(number: Component) -> bool:
    """Whether it applies to the settings that the page opens with."""
    return number.visible is not False


def cases(app: gr.Blocks) -> Iterator[tuple[Any, list[Component], Component]]:
    for dependency in [each for each in app.fns.values() if each.fn]:
        for number in filter(shown, numbers(dependency.inputs)):
            yield dependency, dependency.inputs, number


def outcome(dependency: Any, inputs: list[Component], number: Component, bad: Any) -> str:
    """What a callback makes of one bad number among good values: what it says, at once."""
    values = {each: getattr(each, "value", None) for each in inputs} | {number: number.preprocess(bad)}
    arguments = [values] if dependency.inputs_as_dict else [values[each] for each in inputs]
    try:
        made = dependency.fn(*arguments)
        if inspect.isgenerator(made):
            next(made), next(made)  # the buttons come back before the sentence
        return str(made)
    except gr.Error as error:
        assert error.print_exception is False
        return error.message


def test_a_number_out_of_its_range_is_one_short_sentence(app):
    found = [(number.label.partition(" · ")[0], outcome(*case, number, 1e17)) for *case, number in cases(app)]
    refused = [(label, said) for label, said in found if "must be a" in said]
    assert len(refused) > 100, "most of what is asked for reads its numbers"  # the others do not apply to the preset
    assert all(label in said and len(said) < 300 for label, said in refused)


@pytest.mark.parametrize(
    "value, low, high, step, kept", [(3.0, 1, 5, 1, 3), (3.5, 1, 5, 0.5, 3.5), (3.5, 1, 5, 1, None), (0, 1, 5, 1, None)]
)
def test_whole_steps_take_whole_numbers(value, low, high, step, kept):
    found = within("Steps · T", value, low, high, step)
    assert found == kept if kept else found.sentence == f"Steps must be a whole number from 1 to 5, got {value}"


def test_an_unexpected_error_says_so_and_is_logged_at_a_bounded_length(capsys):
    def broken(text: str) -> None:
        raise KeyError(text)

    with pytest.raises(gr.Error, match="broke off; the server's log says why"):
        guarded(broken)("x" * 1_000_000)
    assert 100 < len(capsys.readouterr().err) < 5000

    def refused(text: str) -> None:
        raise ValueError(f"“{text}” is not a model")

    with pytest.raises(gr.Error) as caught:
        guarded(refused)("<img onerror=alert(1)>" + "x" * 1_000_000)
    assert len(caught.value.message) < 1000 and "<img" not in caught.value.message


def test_values_are_checked_when_they_are_read():
    good, bad = Dial(1, 5, step=1), Dial(1, 5, step=1, label="Seeds")
    given = Given({good: 3, bad: bad.preprocess(10**8)})
    assert given[good] == 3 and bad in given and len(given) == 2
    with pytest.raises(ValueError, match="Seeds must be a whole number from 1 to 5, got 100000000"):
        dict(given)


@pytest.mark.parametrize("steps, problems, seeds", [(256, 1000, 5), (256, 100, 5)])
def test_a_stranger_may_not_measure_for_hours(app, monkeypatch, steps, problems, seeds):
    """Every number is in its range, all of them together are not."""
    monkeypatch.setattr(limits, "_row", limits.PUBLIC)
    answered = [each for each in app.fns.values() if each.fn]
    race = next(each for each in answered if "countdown-race-seeds" in [c.elem_id for c in each.inputs])
    asked = {"countdown-race-steps": steps, "countdown-race-problems": problems, "countdown-race-seeds": seeds}
    names = {each.elem_id: [value for _, value in each.choices] for each in race.inputs if hasattr(each, "choices")}
    samplers = {"countdown-race-samplers": names["countdown-race-samplers"][:-1]}  # but for the settings at the side
    values = {each: (asked | samplers).get(each.elem_id, getattr(each, "value", None)) for each in race.inputs}
    made = race.fn(values)
    if problems == 1000:
        next(made)  # the buttons come back
        with pytest.raises(gr.Error, match="times as much as this server computes"):
            next(made)
    else:
        assert next(made)
        made.close()
