"""The page's scripts: modules that import one way, joined without a bundler, and their own unit tests."""

import json
import re
import subprocess
import threading
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

from remdm.app.components.scripted_html import _IMPORT, MODULES, PAGE_MODULES, joined, scripts
from remdm.app.streams import Stream
from remdm.domains.registry import DOMAINS
from remdm.paths import ASSETS
from remdm.runs.record import prepare
from remdm.runs.request import RunRequest
from remdm.runs.trace_file import loads, to_json
from remdm.sampling.methods import settings
from remdm.serving.streamed_runs import StreamedRun

RESCUE = """
import { Run } from "%(js)s/run.js";
import { readStart, readStep } from "%(js)s/protocol.js";
import { traceOf } from "%(js)s/rescue.js";
const [start, ...steps] = JSON.parse(await new Response(process.stdin).text());
const run = new Run(readStart(start));
run.add(steps.map((step) => readStep(step, run.length)));
console.log(JSON.stringify(traceOf(run)));
"""
TESTS = Path(__file__).resolve().parents[1] / "js"


def node(*arguments: str, **more: object) -> subprocess.CompletedProcess:
    """Runs the Node that Playwright ships; nothing is installed for it."""
    return subprocess.run([compute_driver_executable()[0], *arguments], capture_output=True, text=True, **more)


def test_the_modules_own_tests_pass():
    ran = node("--test", *map(str, sorted(TESTS.glob("*.test.js"))))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not re.search(r"^ℹ tests 0$", ran.stdout, re.M)


def test_a_module_imports_only_modules_before_it_and_every_module_is_joined():
    assert {path.stem for path in (ASSETS / "js").glob("*.js")} == {*MODULES, *PAGE_MODULES}
    names = (*MODULES, *PAGE_MODULES)
    for place, name in enumerate(names):
        text = (ASSETS / "js" / f"{name}.js").read_text(encoding="utf-8")
        imported = re.findall(r'from "\./(\w+)\.js"', text)
        assert set(imported) <= set(names[:place]), f"{name}.js must not import {set(imported) - set(names[:place])}"


def test_joined_modules_export_all_that_is_imported_from_them():
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in (*ASSETS.glob("js/*.js"), *ASSETS.glob("scenes/*.js"))
    )
    wanted = {(name, own.split(" as ")[0].strip()) for names, name in _IMPORT.findall(text) for own in names.split(",")}
    (page,) = scripts(PAGE_MODULES)
    given = re.findall(r"^modules\.(\w+) = [\s\S]*?^return \{ (.*) \};$", page, re.M)
    found = {(name, each.strip()) for name, names in given for each in names.split(",")}
    assert ("feed", "whole") in wanted and wanted <= found, wanted - found


def test_joined_modules_keep_their_names_apart(tmp_path):
    (tmp_path / "one.js").write_text(
        "const own = 1;\nexport const [A, B] = [own, 2];\nexport async function f() {\n  return own;\n}\n"
    )
    (tmp_path / "two.js").write_text(
        'import { A as first, f } from "./one.js";\n\nconst own = 3;\nf().then((f) => console.log(first + f + own));\n'
    )
    text = joined([tmp_path / "one.js", tmp_path / "two.js"])
    ran = node("-e", f"globalThis.window = {{}};\n{text}")
    assert (ran.stdout.strip(), ran.stderr) == ("5", "")


def test_what_the_page_holds_is_a_script_that_parses():
    (text,) = scripts(PAGE_MODULES)
    assert node("--check", "-", input=text).returncode == 0 and "</script" not in text.lower()


@pytest.mark.parametrize(
    "domain, sampler", [("text", "remdm-conf"), ("text", "rcr"), ("molecule", "remdm-cap"), ("text", "wino")]
)
def test_what_the_page_saves_without_a_server_is_the_trace(domain, sampler):
    """All of it, but for the text, which only the model's tokenizer joins as it should."""
    model = DOMAINS[domain].models[0]
    run = prepare(RunRequest(DOMAINS[domain], model, "", model.length, settings(sampler, 12), 5))
    shown = StreamedRun("r", run, threading.Event())
    stream = Stream(shown)
    sent = [json.loads(stream.begin()), *(json.loads(stream.take(step)()) for step in run.steps())]
    ran = node("--input-type=module", "-e", RESCUE % {"js": (ASSETS / "js").as_uri()}, input=json.dumps(sent))
    assert ran.returncode == 0, ran.stderr
    wanted = to_json(run.trace(shown.frames))
    saved = to_json(loads(ran.stdout.encode()))
    assert any(frame["remasked"] for frame in saved["steps"])
    assert any("judged" in frame for frame in saved["steps"]) == (sampler == "wino") == (saved["version"] == 2)
    assert {**saved, "final": saved["final"]["ids"]} == {**wanted, "final": wanted["final"]["ids"]}
