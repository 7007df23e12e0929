import gzip
import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

import remdm
from remdm import cli
from remdm.runs.trace_file import load
from remdm.sampling.knobs import knob, knobs
from remdm.sampling.parts import RULES, Part
from remdm.sampling.presets import METHODS, Method


def sample(*flags):
    cli.main(["sample", "text", *map(str, flags)])


def test_a_run_needs_no_gradio():
    code = (
        "import sys; from remdm.cli import main; main(['sample', 'text', '--steps', '2', '--sampler', 'mdlm']); "
        "sys.exit('gradio' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120).returncode == 0


@pytest.mark.parametrize("sampler", METHODS)
def test_every_sampler_writes_a_trace_that_replays(sampler, tmp_path):
    sample("--sampler", sampler, "--steps", 8, "--seed", 5, "--out", tmp_path / "run.json")
    trace = load(tmp_path / "run.json")
    assert trace.run["sampler"] == sampler and trace.mask_id not in trace.final
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["final"]["text"] == trace.text


def test_the_same_flags_give_the_same_bytes(tmp_path):
    for name in ("a.json.gz", "b.json.gz"):
        sample("--steps", 8, "--seed", 11, "--out", tmp_path / name)
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()


def test_count_writes_as_many_files_and_the_first_is_the_single_run(tmp_path):
    sample("--steps", 6, "--count", 3, "--out", tmp_path / "many")
    sample("--steps", 6, "--out", tmp_path / "one.json.gz")
    files = sorted((tmp_path / "many").iterdir())
    assert len(files) == 3 and files[0].read_bytes() == (tmp_path / "one.json.gz").read_bytes()
    texts = [json.loads(gzip.decompress(file.read_bytes()))["final"]["text"] for file in files]
    assert len(set(texts)) == 3


def test_an_existing_folder_named_like_a_file_is_a_folder(tmp_path):
    (tmp_path / "odd.json").mkdir()
    sample("--steps", 2, "--out", tmp_path / "odd.json")
    assert len(list((tmp_path / "odd.json").iterdir())) == 1


def test_prompt_and_blanks_are_kept(tmp_path):
    sample("--steps", 8, "--prompt", "One sunny morning, _ and Ben met at the _ .", "--out", tmp_path / "run.json")
    trace = load(tmp_path / "run.json")
    blanks = [place for place, token in enumerate(trace.start) if token == trace.mask_id]
    assert len(blanks) == 2
    assert all(trace.final[place] == trace.start[place] for place in trace.given)
    assert trace.text.startswith("One sunny morning, ")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--steps", "0"], "steps must be a whole number from 1 to 8192, got 0"),
        (["--sampler", "mdlm", "--eta", "0.1"], "eta does not apply to mdlm"),
        (["--eta", "2"], "eta must lie between 0 and 1, got 2"),
        (
            ["--sampler", "remdm-loop", "--t-on", "0.2", "--t-off", "0.4"],
            "t_off must lie below t_on, got t_off 0.4 and t_on 0.2",
        ),
        (["--prompt", "a dragon came ..."], "The story model does not know the word “dragon”"),
        (["--prompt", "Rosa " * 200], "shorten it"),
        (["--prompt", "<img src=x onerror=alert(1)>"], "The story model does not know the word"),
        (["--seed", "-1"], "seed must be a whole number"),
        (["--model", "gpt"], "model must be one of stories"),
        (["--length", "64"], "length must be 160 for the model stories, got 64"),
        (["--count", "0"], "count must be at least 1, got 0"),
        (["--count", "2", "--out", "x.json"], "--out must be a folder for 2 traces"),
        (["--rule", "sometimes"], "rule must be one of never"),
        (["--nucleus-p", "0"], "nucleus_p must lie between"),
        (["--temperature", "nan"], "temperature must lie between"),
    ],
)
def test_bad_input_is_one_sentence(flags, sentence, capsys):
    with pytest.raises(SystemExit) as stopped:
        sample(*flags)
    printed = capsys.readouterr().err
    assert stopped.value.code == 2
    assert sentence in printed and printed.count("\n") == 1 and "Traceback" not in printed


def test_a_new_part_brings_its_flag(monkeypatch, tmp_path):
    @dataclass(frozen=True)
    class Fixed:
        """Remask with the same probability throughout."""

        strength: float = knob(0.1, 0, 1, help="The probability.")

        def sigma(self, step, state, score):
            return self.strength

    monkeypatch.setitem(RULES, "fixed", Part("fixed", "The same throughout.", Fixed, knobs(Fixed)))
    monkeypatch.setitem(METHODS, "fixed", Method("fixed", "Fixed", "ours", rule="fixed"))
    sample("--sampler", "fixed", "--strength", 0.3, "--steps", 4, "--out", tmp_path / "run.json")
    assert load(tmp_path / "run.json").run["settings"]["strength"] == 0.3


@pytest.mark.parametrize("flags", [["--help"], ["--version"]])
def test_help_and_version_load_no_network_library(flags):
    code = (
        "import sys\nfrom remdm import cli\n"
        f"try:\n    cli.main({flags})\nfinally:\n    print('torch' in sys.modules, 'rdkit' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=60).stdout
    assert printed.endswith("False False\n")
    assert remdm.__version__ in printed or all(f"    {name}" in printed for name in cli.COMMANDS)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 0 and f"usage: remdm {command}" in capsys.readouterr().out


@pytest.mark.parametrize("asked", ["molecule --sampler remdm-cap --steps 6", "countdown --sampler llada --steps 4",
                                   "molecule --sampler threshold --steps 8"])  # fmt: skip
def test_runs_in_one_batch_are_those_that_are_made_alone(asked, tmp_path, monkeypatch):
    cli.main(["sample", *asked.split(), "--count", "3", "--out", str(tmp_path / "together")])
    monkeypatch.setattr("remdm.cli.sample.at_once", lambda *_: 1)
    cli.main(["sample", *asked.split(), "--count", "3", "--out", str(tmp_path / "alone")])
    together, alone = ([load(path) for path in sorted((tmp_path / each).iterdir())] for each in ("together", "alone"))
    assert len(together) == 3
    for one, other in zip(together, alone, strict=True):
        assert (one.run, one.text) == (other.run, other.text)
        assert [_done(frame) for frame in one.steps] == [_done(frame) for frame in other.steps]


def _done(frame):
    """What a step did; products of several rows are rounded otherwise in float32."""
    written = [(place, token, pytest.approx(p, abs=1e-5)) for place, token, p in frame.decoded]
    return frame.phase, frame.forwards, frame.remasked, written
