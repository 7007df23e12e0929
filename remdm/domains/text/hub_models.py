"""Language models from the hub, or from a folder, as models of the text domain."""

from functools import partial

from remdm.hub.catalog import ENTRIES, Entry, offered
from remdm.hub.loading import fetching, find, load
from remdm.hub.prompting import ends, notes, piece, start, text
from remdm.hub.store import hub_id, local
from remdm.runs.domain import Model

EXAMPLES = {
    "mdlm": ("The most surprising thing about the city is ...", "In 1969, _3 landed on the moon. ..."),
    "masked-lm": (
        "The capital of _ is _ , a city on the river _ .",
        'She opened the _ , looked at the _ and said : " _3 . "',
        "The weather today is ...",
    ),
    "llada": ("The three most important things about tea are ...", "Explain in two sentences why the sky is blue."),
}
"""Prompts to try, by family."""


def model_of(entry: Entry) -> Model:
    return Model(
        entry.name,
        entry.title,
        entry.summary,
        partial(load, entry.name),
        start,
        piece,
        text,
        None,
        length=entry.length,
        lengths=entry.lengths or (8, 512),
        examples=EXAMPLES.get(entry.family, EXAMPLES["masked-lm"]),
        prompt_help="A question." if entry.asks else Model.prompt_help,
        defaults=entry.defaults,
        fetch=partial(fetching, entry.name),
        ends=ends,
        notes=notes,
    )


def other(name: str) -> Model | None:
    """A language model by hub id or folder, None for what is neither.

    Raises:
        ValueError: for a picture model.
        CheckpointError: for one that cannot be sampled or is not offered.
    """
    name = hub_id(name)
    if "/" not in name and "-" not in name and name not in ENTRIES and local(name) is None:  # older ids have no owner
        return None
    entry = find(name)
    if entry.kind != "text":
        raise ValueError(f"{entry.name} draws pictures; choose it in the domain image.")
    return model_of(entry)


MODELS = tuple(model_of(entry) for entry in offered("text"))
"""The public models of the text domain; nothing of them is loaded or downloaded before it is asked for."""
