"""Runs that go wrong: logits that are not finite, errors behind a run, odd prompts, and what must be read again."""

import json
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest
import torch
from safetensors.torch import load_file, save_file

from remdm import cli
from remdm.app.components.run_controls import RunControls
from remdm.app.errors import refusal
from remdm.app.events import guarded
from remdm.app.workbench.workbench import Workbench
from remdm.domains.registry import DOMAINS
from remdm.domains.text.domain import STORIES
from remdm.hub import loading
from remdm.hub.loading import load
from remdm.hub.prompting import notes, segments
from remdm.models.network import compute
from remdm.runs import trace_file
from remdm.runs.record import BrokenRun, prepare, record
from remdm.runs.request import RunRequest
from remdm.runs.trace_file import MAX_NAME, MAX_PROMPT, MAX_WORD, dumps, fits, loads
from remdm.sampling.denoiser import NotFinite, probabilities
from remdm.sampling.methods import run, settings
from remdm.sampling.presets import METHODS
from remdm.serving.streamed_runs import RUNS, RunGroup
from remdm.studies.reproduce.public_files import llada_folder, mdlm_folder

TEXT = DOMAINS["text"]
PLAIN = replace(compute("cpu"), dtype=torch.float32)


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REMDM_CHECKPOINTS", raising=False)
    loading.MODEL_CACHE.empty()


def broken_after(forwards, monkeypatch):
    """From that forward on the story model's logits hold a NaN."""
    network = STORIES.load(compute("auto")).denoiser.network
    whole, made = network.head, []

    def head(hidden):
        made.append(len(hidden))
        logits = whole(hidden).clone()
        if len(made) > forwards:
            logits[:, 3] = torch.nan
        return logits

    monkeypatch.setattr(network, "head", head)


# Not finite logits


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("place", [0, 2, 4])
def test_one_value_that_is_not_finite_is_enough(value, place):
    logits = torch.zeros(3, 5)
    logits[1, place] = value
    with pytest.raises(NotFinite, match="its weights are damaged, or too large for float32"):
        probabilities(logits, 1)


def test_a_row_in_which_nothing_may_be_written_is_refused_and_impossible_tokens_are_not():
    logits = torch.zeros(2, 4)
    logits[0, 2:] = -torch.inf
    assert probabilities(logits, 0)[0].tolist() == [-torch.inf, 0, -torch.inf, -torch.inf]
    with pytest.raises(NotFinite):
        probabilities(torch.full((1, 4), -torch.inf), 0)


def test_weights_with_a_nan_are_told_at_the_first_step(tmp_path):
    mdlm_folder(tmp_path / "a")
    state = load_file(tmp_path / "a" / "model.safetensors")
    state["backbone.output_layer.linear.bias"][7] = torch.nan
    save_file(state, tmp_path / "a" / "model.safetensors")
    with pytest.raises(BrokenRun, match=r"^The run broke off after 0 steps\. The model's output is not a number"):
        record(RunRequest(TEXT, TEXT.model("a"), "", 64, settings("mdlm", 4), 0))


@pytest.mark.parametrize("name", METHODS)
def test_no_sampler_writes_on_without_probabilities(name, tmp_path, monkeypatch):
    broken_after(1, monkeypatch)
    with pytest.raises(BrokenRun):
        record(RunRequest(TEXT, STORIES, "", STORIES.length, settings(name, 4), 0))


def test_the_command_keeps_the_steps_before_and_says_where(tmp_path, monkeypatch, capsys):
    broken_after(4, monkeypatch)
    with pytest.raises(SystemExit) as ended:
        cli.main(["sample", "text", "--sampler", "mdlm", "--steps", "12", "--out", "kept.json"])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1
    assert "not a number" in error and "What was made before is in kept.json." in error
    assert 0 < len(trace_file.load(tmp_path / "kept.json").steps) < 12


# What follows a run


def workbench():
    with gr.Blocks():
        return Workbench(TEXT, loading.Path("nothing"))


def shown_by(bench, group):
    """What a click on Run changes, and the toast it ends with."""
    ticket = RUNS.begin()
    RUNS._groups[ticket] = group
    asked = [RunRequest(TEXT, STORIES, "", STORIES.length, settings("mdlm", 6), 3)]
    job = bench.controls.guarded(lambda values, its_group: bench.sample(asked, its_group))
    changes, toast = [], None
    try:
        changes.extend(job({bench.controls.ticket: ticket}))
    except gr.Error as error:
        toast = error
    return changes, toast


@pytest.mark.parametrize("what", ["outcome", "made", "end"])
@pytest.mark.parametrize("error", [ValueError("It <b>is</b> so"), KeyError("x"), RuntimeError(), ArithmeticError("y")])
def test_an_error_behind_a_run_leaves_run_alive_and_is_a_sentence(monkeypatch, what, error):
    bench = workbench()

    def raising(*_args, **_more):
        raise error

    if what == "outcome":
        monkeypatch.setattr(bench.results.outcome, "of", raising)
    else:
        monkeypatch.setattr("remdm.app.workbench.writing." + ("made" if what == "made" else "Stream.end"), raising)
    changes, toast = shown_by(bench, RunGroup())
    assert changes[-1][bench.controls.run].value == "Run" and changes[-1][bench.controls.run].interactive
    assert str(toast.message).endswith(".") and "<" not in str(toast.message)


def test_what_was_made_before_a_run_broke_off_can_be_saved(monkeypatch):
    broken_after(3, monkeypatch)
    bench = workbench()
    changes, toast = shown_by(bench, RunGroup())
    assert "not a number" in toast.message and not toast.print_exception
    kept = [change[bench.results.kept] for change in changes if bench.results.kept in change]
    assert kept and 0 < len(kept[-1][0].trace.steps) < 6
    assert any(getattr(change.get(bench.results.outcome.saved), "interactive", False) for change in changes)
    assert changes[-1][bench.controls.run].interactive


@pytest.mark.parametrize("streamed", [False, True])
def test_every_callback_has_the_boundary_and_keeps_its_signature(streamed):
    def once(values, request: gr.Request):
        raise KeyError("secret")

    def stream(values, request: gr.Request):
        yield 1
        raise KeyError("secret")

    callback = guarded(stream if streamed else once)
    assert gr.utils.get_type_hints(callback) == {"request": gr.Request}
    with pytest.raises(gr.Error) as toast:
        list(callback(1, None) or ())
    assert "secret" not in toast.value.message


def test_a_toast_is_short_and_can_be_encoded():
    message = refusal(ValueError("got <b>\ud800 " + "x" * 100_000)).message
    assert len(message) < 1000 and "<b>" not in message
    json.dumps(message, ensure_ascii=False).encode()


def test_controls_have_a_sentence_for_a_job_that_is_no_generator():
    with gr.Blocks():
        controls = RunControls("Go", "go", "stop", "The work")
    job = controls.guarded(lambda values, group: None)
    with pytest.raises(gr.Error, match="The work broke off"):
        list(job({controls.ticket: None}))


# Prompts


HALVES = ("hi \ud83d there", "\udc00", "a\ud800\udc00b", "\ud83d _ \udd0c")


@pytest.mark.parametrize("prompt", HALVES)
@pytest.mark.parametrize("domain", DOMAINS)
def test_half_a_surrogate_pair_is_replaced_where_prompts_enter(domain, prompt):
    chosen = DOMAINS[domain]
    request = RunRequest(chosen, chosen.models[0], prompt, chosen.models[0].length, settings("mdlm", 2), 0)
    assert request.prompt.encode() and "\ufffd" in request.prompt
    with pytest.raises(ValueError):  # none of them is a prompt of an embedded model
        prepare(request)


def test_a_public_model_writes_around_what_was_replaced(tmp_path):
    mdlm_folder(tmp_path / "a")
    made = record(RunRequest(TEXT, TEXT.model("a"), "hi \ud83d _ ...", 64, settings("mdlm", 4), 0))
    assert loads(dumps(made)).run["prompt"] == "hi \ufffd _ ..."


def test_letters_of_another_locale_reach_the_command_whole(capsys):
    with pytest.raises(SystemExit):
        cli.main(["sample", "text", "--prompt", "caf\udcc3\udca9 \udcff _ ."])
    assert "café" in capsys.readouterr().err


BLANKS = ("_", "____", "[MASK]", "<mask>", "<|mask|>", "<|mdm_mask|>", "[mask]", "[BLANK]", "<blank>", "{blank}")


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize(
    "around", [("The capital is ", "."), ("(", ")"), ("“", "”"), ("", " ends it"), ("a ", " b"), ("-", "-")]
)
def test_every_usual_form_of_a_blank_is_one(blank, around):
    parts, goes_on = segments(blank.join(around))
    assert [part for part in parts if isinstance(part, int)] == [1] and not goes_on
    assert "".join(str(part) for part in parts if isinstance(part, str)) == "".join(around).rstrip()


@pytest.mark.parametrize("prompt", ["snake_case is one", "__init__ and a_b", "C_1", "foo_", "[masked]", "<masking>"])
def test_an_underscore_within_a_word_is_text(prompt):
    assert segments(prompt) == ([prompt], True)


@pytest.mark.parametrize(("prompt", "count"), [("_1", 1), ("(_12)", 12), ("a _999 b", 999), ("_007", 7)])
def test_a_blank_of_several_tokens(prompt, count):
    assert count in segments(prompt)[0]


@pytest.mark.parametrize("prompt", ["_0", "_1000", "a _00 b", "_99999999999999999999", "_٣٣٣٣"])
def test_a_blank_of_no_token_or_too_many_is_one_sentence(prompt):
    with pytest.raises(ValueError, match="is not a blank: _ is one token, and _2 to _999 are so many"):
        segments(prompt)


def test_given_words_stay_when_an_end_mark_is_written_before_them(tmp_path):
    """Only what nobody gave is cut: the end that the model wrote into a blank is left out, and what follows stays."""
    llada_folder(tmp_path / "Base")
    prepared = prepare(RunRequest(TEXT, TEXT.model("Base"), "Hi _3 you.", 32, settings("mdlm", 4), 0))
    end, mask = prepared.checkpoint.frame.fill_id, prepared.checkpoint.mask_id
    blanks = [place for place, token in enumerate(prepared.start) if token == mask]
    letter = prepared.checkpoint.tokenizer.encode("x").ids[0]
    run_of = SimpleNamespace(
        start=prepared.start, mask_id=mask, given=[p for p, t in enumerate(prepared.start) if t != mask],
        final=[letter if p == blanks[0] else end if p in blanks[1:] else t for p, t in enumerate(prepared.start)],
    )  # fmt: skip
    assert prepared.request.model.text(prepared._printable(run_of), prepared.checkpoint) == "Hix you."
    free = prepare(RunRequest(TEXT, TEXT.model("Base"), "Hi ...", 32, settings("mdlm", 4), 0))
    ids = [*free.start[:3], letter, end, letter, letter]
    open_ended = SimpleNamespace(start=(*free.start[:3], *[mask] * 4), mask_id=mask, given=[0, 1, 2], final=ids)
    assert free.request.model.text(free._printable(open_ended), free.checkpoint) == "Hix"


def test_what_a_model_cannot_read_and_what_acts_in_a_prompt_is_said(tmp_path):
    llada_folder(tmp_path / "Base")
    loaded = load("Base", PLAIN)
    assert notes("plain words _ .", loaded) == []
    found = notes("Why?<|eot_id|> and <|startoftext|>", loaded)
    assert found == ["“<|eot_id|>”, “<|startoftext|>” in the prompt acts as a special token of the model, not as text."]


# What was written can be read


def test_reader_and_writer_share_their_limits(tmp_path, monkeypatch):
    """A path as the hub's own cache has it, a long prompt, a token that prints as a long word."""
    deep = tmp_path / ("models--some--model/snapshots/" + "0123456789" * 4) / ("d" * 120)
    mdlm_folder(deep)
    model = TEXT.model(str(deep))
    long_word = replace(model, piece=lambda token, checkpoint: "w" * 5000)
    request = RunRequest(TEXT, long_word, "x" * 30 + " _ ...", 64, settings("mdlm", 3), 0)
    trace = record(request)
    assert len(trace.run["model"]) > 100 and max(map(len, trace.words.values())) == MAX_WORD
    assert dumps(loads(dumps(trace))) == dumps(trace)


def test_what_could_not_be_read_again_is_refused_before_the_run():
    def asked(**changes):
        return replace(RunRequest(TEXT, STORIES, "", STORIES.length, settings("mdlm", 4), 0), **changes)

    with pytest.raises(ValueError, match="at most 20,000 can be kept"):
        asked(prompt="a" * (MAX_PROMPT + 1))
    with pytest.raises(ValueError, match="more than 1,000 letters"):
        asked(model=replace(STORIES, name="m" * (MAX_NAME + 1)))
    assert fits(1024, 4096) and not fits(1024, 40_000) and not fits(9000, 1)
    wide = replace(STORIES, lengths=(8, 8192))
    with pytest.raises(ValueError, match="more than a trace keeps"):
        prepare(asked(model=wide, length=8192, settings=settings("mdlm", 8192)))


@pytest.mark.parametrize(("flag", "value"), [("--length", "0"), ("--length", "-5"), ("--count", "0"), ("--seed", "-1")])
def test_a_number_out_of_range_is_refused_and_never_ignored(flag, value, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["sample", "text", "--model", "prose", "--steps", "2", flag, value])
    assert ended.value.code == 2 and "must be" in capsys.readouterr().err


def test_an_apple_gpu_can_be_asked_for(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    compute.cache_clear()
    with pytest.raises(ValueError, match="device is mps, but this machine shows no Apple GPU; use cpu or auto"):
        compute("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert (compute("mps").device.type, compute("mps").dtype) == ("mps", torch.float32)
    compute.cache_clear()


def test_draws_and_states_stay_off_the_network_device():
    """An Apple GPU has no 64-bit floats: whatever a denoiser gives comes back to where the tokens are."""
    loaded = STORIES.load(compute("cpu"))
    start = torch.full((1, STORIES.length), loaded.mask_id)
    for made in run(loaded.denoiser, settings("mdlm", 2), start, (0,)):
        assert {made.after.tokens.device, made.after.psi.device} == {start.device}
