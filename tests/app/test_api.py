"""The endpoint for programs, as gradio_client uses it and as the README shows it."""

import json
import re
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from remdm import cli
from remdm.runs.trace_file import load, loads

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(scope="module")
def client(app):
    return Client(app.address, verbose=False)


def test_the_example_of_the_readme_gives_the_text_and_a_trace(app, client, tmp_path):
    code = re.search(r"```py\n(from gradio_client.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[1]
    names = {}
    exec(code.replace("http://127.0.0.1:7860", app.address), names)
    trace = loads(json.dumps(names["trace"]).encode())
    assert names["text"] == trace.text and trace.text.startswith("One sunny morning, ")
    prompt = "One sunny morning, _ and Ben met at the _ . ..."
    cli.main(["sample", "text", "--sampler", "remdm-cap", "--steps", "32", "--seed", "7", "--eta", "0.2",
              "--prompt", prompt, "--out", str(tmp_path / "a.json")])  # fmt: skip
    assert load(tmp_path / "a.json").final == trace.final


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"domain": "nothing"}, "domain must be one of text"),
        ({"sampler": "nothing"}, "sampler must be one of"),
        ({"steps": 10**9}, "steps"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"prompt": "zzzz _ ."}, "does not know the word"),
        ({"options": {"eta": "a"}}, "eta must be a number"),
        ({"options": {"model": "/etc"}}, "/etc"),
        ({"domain": "molecule", "prompt": "x"}, "is not a SMILES token"),
        ({"options": {"etaa": 1}}, "etaa is not one of the options model, length"),
        ({"options": {"sampler": "mdlm"}}, "sampler is not one of the options"),
        ({"options": ["eta"]}, "options must be a table of names and values"),
        ({"options": {"eta": {"a": [1]}}}, "eta must be a number"),
        ({"prompt": ["a"], "steps": 2}, "does not know the word"),
        ({"prompt": "a " * 2000}, "prompt must have at most 2,000 letters, got 4,000"),
        ({"domain": ["text"]}, "domain must be one of text"),
        ({"sampler": {"a": 1}}, "sampler must be one of"),
        ({"steps": None}, "steps must be a whole number"),
    ],
)
def test_what_is_invalid_is_one_sentence(client, asked, says):
    with pytest.raises(AppError, match=says):
        client.predict(**{"prompt": "", **asked}, api_name="/sample")


def test_it_is_the_only_endpoint_that_is_named(client):
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/sample"]
