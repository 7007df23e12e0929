"""Events cost what they change: many controls are sent as one value, and what a callback leaves alone is not touched.

At every message of any event, Gradio tells each component that an event has ever read or changed how far that event
is, one after the other, and copies all of its properties to do so. With the fifty controls of a tab that is most of
what a streamed step costs a browser. So what the browser sees of such an event is one hidden text: a script fills it
with the values of the controls, and the server spreads it over the event's inputs before anything reads them.

On the server it makes each output that a callback leaves alone anew, and describes it twice, at every message of a run:
the twenty of a tab took longer than the steps that the message brought. So it is only given those that change.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from typing import Any

import gradio as gr
from gradio.blocks import Block, BlockFunction
from gradio.components import Component
from gradio.events import Dependency

from remdm.app.components.ranges import OutOfRange
from remdm.app.errors import failure, refusal

FEW = 4
"""So many controls are sent as they are."""
GATHER = "(...values) => JSON.stringify(values)"
SETTLE = """() => {
  const waiting = (window.remdmWaiting ||= {}), id = "%s";
  clearTimeout(waiting[id]);
  waiting[id] = setTimeout(() => document.getElementById(id)?.click(), 60);
}"""
"""Of a burst of changes, such as a preset that turns ten controls, only the last one is answered."""
UNKNOWN = "The page sent something that this server does not know: load it again"
API_PARTS = ("api_info", "api_info_as_input", "api_info_as_output", "example_inputs")
"""What Gradio says of each control for programs: a fifth of the page."""
Listen = Callable[..., Dependency]


class Page(gr.Blocks):
    """Blocks some of whose events are sent as a form.

    Attributes:
        forms: by event, the ids of what the browser sends: a text with the values of its controls, then its states.
    """

    exited = False

    def __init__(self, *args: Any, line: Mapping[str, Any] | None = None, **more: Any) -> None:
        """`line` is what Gradio's `queue` takes, which prepares a server each time that it is called."""
        self.forms: dict[int, list[int]] = {}
        self._line = dict(line or {})
        super().__init__(*args, **more)

    def queue(self, *args: Any, **more: Any) -> "Page":
        """As Gradio has it; it calls this for every page before anything is on it."""
        super().queue(*args, **{**self._line, **more})
        return self

    def get_config_file(self) -> Any:
        """What the browser is told; nothing until the page is whole, where Gradio asks four times and tells nobody."""
        if not self.exited:
            return {}
        config = super().get_config_file()
        for each in config["dependencies"]:
            if each["id"] in self.forms:
                each["inputs"] = self.forms[each["id"]]
        for each in config["components"]:
            if each["type"] != "api":  # what programs may call describes itself; the browser asks for none of this
                for name in API_PARTS:
                    each.pop(name, None)
        return config

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: Any, explicit_call: bool = False
    ) -> Any:
        """The values of an event's inputs as its callback gets them.

        Raises:
            gr.Error: in one short sentence, for what a control does not take.
        """
        try:
            if block_fn._id in self.forms and not explicit_call:
                inputs = spread(block_fn.inputs, inputs)
            given = await super().preprocess_data(block_fn, inputs, state, explicit_call)
            return list(map(chosen, block_fn.inputs, given))
        except gr.Error as error:  # Gradio repeats a refused value at any length, in its log too, and lists all choices
            raise refusal(ValueError(error.message.partition(": [")[0])) from error
        except OSError as error:
            raise failure(error) from error
        except Exception as error:  # of another kind than the control's
            raise refusal(ValueError(UNKNOWN)) from error

    async def postprocess_data(self, block_fn: BlockFunction, predictions: Any, state: Any) -> list[Any]:
        """What the browser is told of an event's outputs, given what its callback returned for them."""
        outputs = block_fn.outputs
        if not (isinstance(predictions, dict) and predictions and all(each in outputs for each in predictions)):
            return await super().postprocess_data(block_fn, predictions, state)
        left_alone = lambda value: isinstance(value, dict) and value == gr.skip()  # an array would compare its entries
        changed = [each for each in outputs if each in predictions and not left_alone(predictions[each])]
        answers: dict[Block, Any] = {each: None if each.stateful else gr.skip() for each in outputs}
        if changed:
            part, values = copy(block_fn), [predictions[each] for each in changed]
            part.outputs = changed
            made = await super().postprocess_data(part, values if len(values) > 1 else values[0], state)
            answers.update(zip(changed, made, strict=True))
        return list(answers.values())


def chosen(control: Block, value: Any) -> Any:
    """A value, or `OutOfRange` for what the page never sends for a choice: nothing, or one where there may be many."""
    if not isinstance(control, gr.Radio | gr.Dropdown | gr.CheckboxGroup):
        return value
    several = isinstance(control, gr.CheckboxGroup) or getattr(control, "multiselect", False)
    missing = value is None and control.value is not None
    if missing or (value is not None and isinstance(value, list) != bool(several)) or isinstance(value, dict):
        kind = "a list of" if several else "one of"
        got = "nothing" if value is None else str(value)[:40]
        return OutOfRange(f"{control.label} must be {kind} its choices, got {got}")
    return value


def spread(inputs: Sequence[Any], sent: Sequence[Any]) -> list[Any]:
    """A value for each of an event's inputs, from what a browser sent for its form.

    Raises:
        gr.Error: if that is something else.
    """
    try:
        values = json.loads(sent[0])
        if len(values) != sum(not each.stateful for each in inputs) or not isinstance(values, list):
            raise ValueError("not as many values as controls")
    except (IndexError, TypeError, ValueError) as error:
        raise refusal(ValueError(UNKNOWN)) from error
    controls = iter(values)
    return [None if each.stateful else next(controls) for each in inputs]


def controls_of(inputs: Any) -> list[Component]:
    """The inputs that the browser holds, in the order in which Gradio has those of a set."""
    return sorted((each for each in inputs if not each.stateful), key=lambda each: each._id)


def unseen_text() -> gr.Textbox:
    """What a script of the page says to the server; without a container, so that Gradio puts no form around it."""
    return gr.Textbox(visible=False, container=False)


def listen_gathered(
    page: Page, events: Sequence[Listen], last: bool, callback: Callable[..., Any], inputs: AbstractSet[Block],
    outputs: Any,    **more: Any,
) -> Dependency:  # fmt: skip
    """Let events call back with `inputs`, sent as a form; with `last` those of a burst count as one."""
    controls, text = controls_of(inputs), unseen_text()
    plain = {key: value for key, value in more.items() if key.startswith(("show_progress", "api_visibility"))}
    if last:
        name = f"settled-{text._id}"
        button = gr.Button(visible="hidden", elem_id=name)
        gr.on(list(events), None, None, None, js=SETTLE % name, **plain)
        events = [button.click]
    listen = events[0] if len(events) == 1 else (lambda *args, **given: gr.on(list(events), *args, **given))
    gathered = listen(None, controls, text, js=GATHER, **plain)
    made = gathered.then(callback, inputs, outputs, **more)
    states = [each._id for each in page.fns[made["id"]].inputs if each.stateful]
    page.forms[made["id"]] = [text._id, *states]
    return made
