"""What the documents say is run and looked up: their examples, their commands, the names in the glossary."""

import ast
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from remdm import cli, limits
from remdm.app.components.controls import label
from remdm.domains.registry import DOMAINS
from remdm.sampling.denoiser import Truncation
from remdm.sampling.knobs import knobs
from remdm.sampling.methods import part_knobs

ROOT = Path(__file__).parent.parent


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def examples(name):
    """All Python of a document, in its order."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```$", read(name), re.MULTILINE | re.DOTALL))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("document", "sign"),
    [
        ("README.md", r"\w+ \d+ decoded \d+ remasked\n"),
        (
            "docs/extending.md",
            r"\n[abcd]{3}b[abcd]{3}\n.*b does not mirror d.*\n\[\('\w+', \d+\)",
        ),
    ],
)
def test_the_examples_run(document, sign, tmp_path):
    """In a process of their own, for they register what they add."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    run = subprocess.run(
        [sys.executable, "-c", examples(document)], cwd=tmp_path, env=env, capture_output=True, encoding="utf-8"
    )
    assert run.returncode == 0, run.stderr
    assert re.search(sign, run.stdout)


def commands(name):
    """The commands of a document's indented blocks, without comments."""
    for line in re.findall(r"^    (?:\.venv/bin/)?remdm (.+)$", read(name), re.MULTILINE):
        yield shlex.split(line, comments=True)


@pytest.mark.parametrize("command", [pytest.param(each, id=" ".join(each)) for each in commands("README.md")])
def test_the_commands_of_the_readme_have_these_flags(command):
    if "--help" in command:
        with pytest.raises(SystemExit) as stopped:
            cli.main(command)
        assert stopped.value.code == 0
    else:
        assert cli.parser(command).parse_args(command).command == command[0]


def test_the_readme_names_files_that_exist():
    named = re.findall(r"\]\(([^)#:]+)\)|^\| `([^`]+)`", read("README.md"), re.MULTILINE)
    assert len(named) > 20
    assert not [path for pair in named for path in pair if path and not (ROOT / path).exists()]


@cache
def identifiers():
    """Every name that the package defines: classes, functions, arguments, variables and fields."""
    found = set()
    for path in ROOT.glob("remdm/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                found.add(node.name)
                if isinstance(node, ast.ClassDef):
                    fields = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
                    methods = [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
                    found |= {f"{node.name}.{name}" for name in [*(each.id for each in fields), *methods]}
            elif isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
    return found


@cache
def page_texts():
    """What Python and JavaScript may put on the page, and the labels of the knobs."""
    files = [*ROOT.glob("remdm/**/*.py"), *ROOT.glob("assets/js/*.js")]
    owners = [part_knobs(), knobs(Truncation), *(knobs(domain.ask) for domain in DOMAINS.values())]
    labels = [label(name, each) for fields in owners for name, each in fields.items()]
    return "\n".join([*(path.read_text(encoding="utf-8") for path in files), *labels])


LINES = re.findall(r"^\|(.*`.*)\|$", read("docs/glossary.md"), re.MULTILINE)
ROWS = [[cell.strip() for cell in line.split("|")] for line in LINES]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_the_glossary_names_what_there_is(row):
    _, code, page, meaning = row
    assert meaning
    for name in re.findall(r"`([^`]+)`", f"{code} {meaning}"):
        assert name in identifiers()
    assert page in page_texts()


def test_the_tests_that_documents_name_exist():
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", read("docs/reliability.md")))
    assert len(named) > 80
    assert not [(file, name) for file, name in named if f"def {name}(" not in read(file)]


def test_the_table_of_limits_says_what_the_limits_are():
    rows = {line.split("|")[1].strip(): line for line in read("docs/reliability.md").splitlines() if line[:2] == "| "}
    page, public = limits.PAGE, limits.PUBLIC
    assert f"{page.work:.0e} | {public.work:.0e}".replace("e+", "e") in rows["work of one request, on a CPU"]
    held = rows["memory that the runs of one click, or an opened file, may take"]
    assert f"{page.held / 1e6:,.0f} MB | {public.held / 1e6:.0f} MB" in held
    visits = rows["visits whose state is kept; the one that came first gives way"]
    assert f"| {page.sessions} | {public.sessions} |" in visits
    assert rows["a file that is uploaded"].count(f"{public.upload / 1e6:.0f} MB") == 3
    assert f"{public.downloads / 1e9:.0f} GB" in rows["downloaded models on disk"]
