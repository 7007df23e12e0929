"""Traces: what a frame keeps of a step, the file and its rules, and hostile files."""

import base64
import copy
import gzip
import json
import random
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from remdm.models.ideal import letters
from remdm.runs import trace_file
from remdm.runs.frames import Recorded
from remdm.runs.trace import Frame, Trace, TraceError, replay
from remdm.runs.trace_file import MAX_PROMPT, MAX_TEXT, dumps, load, loads, save
from remdm.sampling.methods import run, settings
from remdm.sampling.presets import METHODS
from remdm.views.film import gif
from remdm.views.messages import trace_message
from remdm.views.numbers import counts, summary

IDEAL = letters()
MASK = IDEAL.mask_id
START = (18, MASK, MASK, MASK, MASK)
WORDS = {MASK: "<mask>", **{i: chr(97 + i) for i in range(26)}}


def made(name, n=12, watch=True, start=START, seed=1, denoiser=IDEAL, **given):
    """A run as records and as its trace."""
    chosen = settings(name, n, **given)
    running = run(denoiser, chosen, torch.tensor([start]), (seed,), watch=watch)
    records, frames = [], []
    for record in running:
        records.append(record)
        frames.append(Recorded(record).frame(0, int(running.forwards[0])))
    facts = {"domain": "text", "model": "ideal", "sampler": name, "steps": n, "seed": seed, "settings": chosen.flat()}
    return records, Trace(facts, len(start), MASK, tuple(start), WORDS, tuple(frames), "stöne <b>")


@pytest.mark.parametrize("name", METHODS)
def test_replaying_gives_every_state_and_the_final_ids(name):
    records, trace = made(name)
    assert [ids.tolist() for ids in replay(trace)] == [record.after.tokens[0].tolist() for record in records]
    assert list(trace.final) == records[-1].after.tokens[0].tolist() and MASK not in trace.final


@pytest.mark.parametrize("name", METHODS)
def test_a_step_lists_only_what_it_may(name):
    """Decoded was masked, remasked was not, given is in neither; both only where a sampler decodes exact counts."""
    _, trace = made(name, n=24)
    before = np.array(START)
    for step, ids in zip(trace.steps, replay(trace), strict=True):
        decoded, remasked = {position for position, _, _ in step.decoded}, set(step.remasked)
        assert trace.given == (0,) and 0 not in decoded | remasked
        assert all(before[position] != MASK for position in remasked)
        assert all(before[position] != MASK for position in step.judged) and 0 not in step.judged
        assert all(before[position] == MASK for position in decoded - remasked - set(step.judged))
        assert all(before[position] != token for position, token, _ in step.decoded if position in step.judged)
        assert not decoded & remasked or METHODS[name].transition != "ancestral"
        assert all(token == ids[position] and 0 < p <= 1 for position, token, p in step.decoded)
        assert step.sigma != 0 or not remasked
        before = ids
    assert name not in ("mdlm", "maskgit", "llada") or not any(step.remasked for step in trace.steps)


@pytest.mark.parametrize("name", ["mdlm", "remdm-cap", "remdm-llada", "dfm"])
def test_confidence_is_psi_where_decoded_and_the_best_guess_where_masked(name):
    skewed = letters(("stone", "stone", "stone", "maple", "crane"))  # a drawn token is often not the likeliest
    records, trace = made(name, n=24, nucleus_p=1.0, start=(*[MASK] * 4, 4), denoiser=skewed)
    for record, step in zip(records, trace.steps, strict=True):
        after, remasked = record.after, record.remasked[0]
        seen = torch.zeros(5, dtype=torch.float64)
        rows, peak = record.shown.known, record.shown.peak
        seen[rows[0]] = peak.exp() if peak is not None else 0.0
        expected = torch.where(after.masked[0], seen, after.psi[0].clamp(max=1))
        assert step.confidence.tolist() == (expected * 255).round().long().tolist() and step.confidence[4] == 255
        assert [p for _, _, p in step.decoded] == pytest.approx(after.psi[0][record.decoded[0]].tolist(), abs=1e-6)
        assert name == "remdm-llada" or not step.confidence[remasked.numpy()].any()  # not asked in this step


def test_alternatives_are_the_likeliest_tokens_of_each_decoded_position():
    records, trace = made("remdm-cap", n=24, nucleus_p=1.0, start=(MASK,) * 5)
    for record, step in zip(records, trace.steps, strict=True):
        for (position, token, p), top in zip(step.decoded, step.alternatives, strict=True):
            row = record.log_x[int(record.decoded[0, :position].sum())].exp()
            assert [each for _, each in top] == pytest.approx(sorted(row[row > 0].tolist(), reverse=True)[:5], abs=1e-6)
            assert (token, p) in [(each, pytest.approx(q, abs=1e-6)) for each, q in top]


def test_weights_of_remasked_tokens_are_their_share():
    records, trace = made("remdm-conf", n=64, start=(MASK,) * 5, nucleus_p=1.0)
    for record, step in zip(records, trace.steps, strict=True):
        decoded = record.before.decoded[0]
        assert len(step.weights) in (0, len(step.remasked))
        if step.weights:
            share = torch.softmax(-record.before.psi[0][decoded], 0)
            by_place = dict(zip(decoded.nonzero()[:, 0].tolist(), share.tolist(), strict=True))
            assert step.weights == pytest.approx([by_place[position] for position in step.remasked], abs=1e-5)
    assert any(step.weights for step in trace.steps)


@pytest.mark.parametrize("name", METHODS)
def test_a_frame_is_that_of_its_row(name):
    tokens = torch.tensor([START, (MASK,) * 5, (MASK, MASK, MASK, MASK, 17)])
    for record in run(IDEAL, settings(name, 12), tokens, (5, 6, 7)):
        for row in range(3):
            kept = Recorded(record).frame(row, 0)
            assert list(kept.remasked) == record.remasked[row].nonzero()[:, 0].tolist()
            where = record.decoded[row].nonzero()[:, 0].tolist()
            assert [(p, token) for p, token, _ in kept.decoded] == [
                (p, int(record.after.tokens[row, p])) for p in where
            ]
            assert all(token in dict(top) for (_, token, _), top in zip(kept.decoded, kept.alternatives, strict=True))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("ending", [".json", ".json.gz"])
def test_a_file_comes_back_byte_for_byte(tmp_path, name, ending):
    _, trace = made(name)
    first, second = tmp_path / f"first{ending}", tmp_path / f"second{ending}"
    save(trace, first)
    read = load(first)
    save(read, second)
    assert first.read_bytes() == second.read_bytes()
    assert dumps(read) == dumps(trace) and read.final == trace.final and read.words == WORDS


def test_saving_is_gzipped_by_its_name_and_has_no_clock(tmp_path):
    _, trace = made("mdlm")
    save(trace, tmp_path / "a.json.gz")
    packed = (tmp_path / "a.json.gz").read_bytes()
    assert packed[:2] == b"\x1f\x8b" and packed[4:8] == b"\0\0\0\0" and gzip.decompress(packed) == dumps(trace)


def test_integers_given_as_settings_do_not_change_the_bytes():
    _, trace = made("remdm-cap", plan="loop-times", t_on=1, eta=1)
    assert dumps(loads(dumps(trace))) == dumps(trace)


def by_hand():
    """Decode 1 and 2, remask 1, decode it again with 3, then fill 4."""

    def step(t, s, decoded, remasked=(), phase="draft", sigma=0.25):
        confidence = np.array([255, 200, 100, 50, 0], dtype=np.uint8)
        tops = tuple(((token, p), (25, 0.01)) for _, token, p in decoded)
        return Frame(
            t,
            s,
            1 - t,
            1 - s,
            sigma,
            phase,
            tuple(decoded),
            tuple(remasked),
            confidence,
            1,
            tops,
            (0.5,) * len(remasked),
        )

    frames = (
        step(1.0, 0.75, []),
        step(0.75, 0.5, [(1, 19, 0.8), (2, 14, 0.9)]),
        step(0.5, 0.25, [], [1], sigma=(0.0, 0.1, 0.2, 0.15, 0.15)),
        step(0.25, 0.0, [(1, 20, 0.7), (3, 13, 1.0)]),
        step(0.0, 0.0, [(4, 4, 0.5)], phase="finish", sigma=0.0),
    )
    return Trace({"sampler": "remdm-conf", "steps": 4, "seed": 1}, 5, MASK, START, WORDS, frames, "stöne <b>")


GOOD = json.loads(dumps(by_hand()))
FIRST, LATER = 1, 2
TEXT = json.dumps(GOOD).encode()
DECODED, REMASKED = GOOD["steps"][FIRST]["decoded"], GOOD["steps"][LATER]["remasked"]


def changed(*path_and_value):
    """GOOD with one value replaced."""
    *path, last, value = path_and_value
    content = copy.deepcopy(GOOD)
    place = content
    for key in path:
        place = place[key]
    place[last] = value
    return json.dumps(content).encode()


def without(*path):
    content = copy.deepcopy(GOOD)
    place = content
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return json.dumps(content).encode()


HOSTILE = {
    "empty": (b"", "not JSON"),
    "no JSON": (b"<html>", "not JSON"),
    "no text": (b"\xff\xfe\xfa", "not JSON"),
    "deep nesting": (b"[" * 200_000, "not JSON"),
    "a list": (b"[]", "no remdm-trace format"),
    "another format": (changed("format", "remdm"), "no remdm-trace format"),
    "version 3": (changed("version", 3), "another version"),
    "version as text": (changed("version", "1"), "another version"),
    "version true": (changed("version", True), "another version"),
    "no version": (without("version"), "another version"),
    "NaN": (changed("steps", 0, "t", float("nan")), "NaN"),
    "infinity": (changed("run", "eta", float("inf")), "Infinity"),
    "overflowing float": (TEXT.replace(b'"t": 1.0', b'"t": 1e999', 1), "t must be a number"),
    "overflowing float in run": (TEXT.replace(b'"seed": 1', b'"seed": 1e999', 1), "is not a number"),
    "huge integer": (changed("steps", 0, "t", 10**400), "wrong kind"),
    "huge integer token": (changed("start", 1, 10**400), "a token of start must be"),
    "more digits than Python reads": (TEXT.replace(b'"seed": 1', b'"seed": ' + b"9" * 5000, 1), "not JSON"),
    "true as number": (changed("steps", 0, "alpha_s", True), "alpha_s must be a number"),
    "sigma over 1": (changed("steps", 0, "sigma", 1.5), "sigma must be a number from 0 to 1"),
    "sigma of another length": (changed("steps", 0, "sigma", [0.1]), "one for each position"),
    "huge length": (changed("length", 10**9), "length must be a whole number from 1 to 8192"),
    "length 0": (changed("length", 0), "length must be"),
    "another length": (changed("start", START + (MASK,)), "start has another length"),
    "negative id": (changed("start", 1, -1), "a token of start must be"),
    "id as float": (changed("start", 1, 2.0), "a token of start must be"),
    "negative decoded id": (changed("steps", FIRST, "decoded", 0, 1, -3), "a token must be"),
    "position out of range": (changed("steps", FIRST, "decoded", 0, 0, 5), "a position must be"),
    "negative position": (changed("steps", LATER, "remasked", 0, -1), "a position must be"),
    "too many positions": (changed("steps", LATER, "remasked", [1] * 6), "remasked must be a list of at most 5"),
    "alternatives of another step": (changed("steps", FIRST, "alternatives", [[]] * 5), "must match decoded"),
    "decoded twice": (
        changed("steps", FIRST, {**GOOD["steps"][FIRST], "decoded": DECODED + DECODED[:1], "alternatives": []}),
        "which is not masked",
    ),
    "remasked twice": (
        changed("steps", LATER, {**GOOD["steps"][LATER], "remasked": REMASKED * 2, "weights": []}),
        "holds no decoded token",
    ),
    "a given position": (changed("steps", FIRST, "remasked", [0]), "holds no decoded token"),
    "a masked position": (changed("steps", 0, "remasked", [2]), "holds no decoded token"),
    "the mask decoded": (changed("steps", FIRST, "decoded", 0, 1, MASK), "decodes position"),
    "two numbers in an entry": (changed("steps", FIRST, "decoded", 0, [1, 2]), "wrong kind"),
    "text in an entry": (changed("steps", FIRST, "decoded", 0, "abc"), "a position must be"),
    "an alternative of three": (changed("steps", FIRST, "alternatives", 0, 0, [1, 0.5, 2]), "wrong kind"),
    "final of another run": (changed("final", "ids", 4, 25), "does not give the file's final tokens"),
    "final too short": (changed("final", "ids", []), "does not give the file's final tokens"),
    "no final ids": (without("final", "ids"), "lacks the field 'ids'"),
    "no final": (without("final"), "lacks the field 'final'"),
    "a step left out": (without("steps", FIRST), ""),
    "a step that is text": (changed("steps", 0, "step"), "wrong kind"),
    "steps as a table": (changed("steps", {}), "steps must be a list"),
    "no phase": (without("steps", 0, "phase"), "lacks the field 'phase'"),
    "no base64": (changed("steps", 0, "confidence", "A===A"), "confidence must be base64"),
    "no ASCII in base64": (changed("steps", 0, "confidence", "ÀÀÀÀ"), "confidence must be base64"),
    "confidence too short": (
        changed("steps", 0, "confidence", base64.b64encode(b"abcd").decode()),
        "one byte for each",
    ),
    "confidence empty": (changed("steps", 0, "confidence", ""), "one byte for each"),
    "words as a list": (changed("words", ["a"]), "wrong kind"),
    "a word's id is no number": (changed("words", {"<b>": "a"}), "wrong kind"),
    "a word that is no text": (changed("words", {"1": 2}), "a word must be text"),
    "half a surrogate pair": (changed("final", "text", "\ud800"), "wrong kind"),
    "half a surrogate pair in run": (changed("run", {"model": "\ud800"}), "wrong kind"),
    "a long text": (changed("final", "text", "a" * (MAX_TEXT + 1)), f"at most {MAX_TEXT} characters"),
    "a long run": (
        changed("run", {"model": "a" * (MAX_PROMPT + 1)}),
        f"a setting must be text of at most {MAX_PROMPT}",
    ),
    "truncated gzip": (gzip.compress(TEXT)[:-20], "not a whole gzip file"),
    "damaged gzip": (gzip.compress(TEXT)[:60] + b"\0" * 80, "not a whole gzip file"),
    "gzip of something else": (gzip.compress(b"hello"), "not JSON"),
}


def judging(step=LATER, **more):
    """GOOD as version 2, with fields of a step replaced."""
    content = copy.deepcopy(GOOD) | {"version": 2}
    content["steps"][step] |= more
    return json.dumps(content).encode()


HOSTILE |= {
    "a masked position judged": (judging(judged=[3]), "Step 2 judges position 3, which holds no decoded token"),
    "a given position judged": (judging(judged=[0]), "Step 2 judges position 0, which holds no decoded token"),
    "judged twice": (judging(judged=[2, 2]), "Step 2 judges position 2"),
    "judged out of range": (judging(judged=[5]), "a position must be"),
    "too many judged": (judging(judged=[1] * 6), "judged must be a list of at most 5"),
    "judged that is no list": (judging(judged="12"), "judged must be a list"),
    "replaced unseen": (judging(decoded=[[2, 7, 0.5]], alternatives=[]), "decodes position 2, which is not masked"),
    "replaced in version 1": (
        judging(judged=[2], decoded=[[2, 7, 0.5]], alternatives=[]).replace(b'"version": 2', b'"version": 1'),
        "decodes position 2, which is not masked",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused_with_one_sentence(case):
    data, why = HOSTILE[case]
    with pytest.raises(TraceError) as caught:
        loads(data)
    message = str(caught.value)
    assert why in message and len(message) < 160 and "\n" not in message
    assert message.endswith(".") and ". " not in message


def test_the_file_that_they_were_made_from_is_accepted():
    assert loads(TEXT).final == tuple(GOOD["final"]["ids"]) and loads(changed("new field", [1])).length == 5


def test_a_file_is_of_version_2_only_where_tokens_were_hidden_to_be_judged():
    """1 is judged and goes, 2 is judged and replaced, and in the next step judged and kept."""
    trace = by_hand()
    assert json.loads(dumps(trace))["version"] == 1 and "judged" not in json.loads(dumps(trace))["steps"][LATER]
    first, second = trace.steps[LATER : LATER + 2]
    first = replace(first, judged=(1, 2), decoded=((2, 7, 0.5),), alternatives=((),))
    steps = (*trace.steps[:LATER], first, replace(second, judged=(2,)), *trace.steps[LATER + 2 :])
    judged = replace(trace, steps=steps)
    file = json.loads(dumps(judged))
    assert file["version"] == 2 and [step.get("judged") for step in file["steps"]] == [None, None, [1, 2], [2], None]
    assert list(replay(judged))[LATER].tolist() == [18, MASK, 7, MASK, MASK] and judged.final == (18, 20, 7, 13, 4)
    read = loads(dumps(judged))
    assert [step.judged for step in read.steps] == [(), (), (1, 2), (2,), ()] and dumps(read) == dumps(judged)


def test_what_was_hidden_is_known_from_what_was_remasked_everywhere():
    trace = by_hand()
    judged = replace(trace, steps=tuple(replace(step, judged=(2,)) if place == 3 else step
                                        for place, step in enumerate(trace.steps)))  # fmt: skip
    messages = json.loads(trace_message("id", judged, None))["messages"][1:-1]
    assert [message.get("j") for message in messages] == [None, None, None, [2], None]
    names = [name for name, _, _ in summary(judged)]
    assert "hidden to judge" in names and "hidden to judge" not in [name for name, _, _ in summary(trace)]
    assert counts(judged).remasked.tolist() == counts(trace).remasked.tolist() and counts(judged).judged == 1
    assert gif(judged) != gif(trace)


def test_a_run_holds_plain_values_however_deep_the_file():
    """From one level to far past Python's recursion limit of 1,000."""
    refused = set()
    for depth in (1, 2, 500, 990, 1010, 100_000):
        data = TEXT.replace(b'"seed": 1', b'"seed": ' + b"[" * depth + b"]" * depth, 1)
        with pytest.raises(TraceError) as error:
            loads(data)
        refused.add(str(error.value))
    assert refused == {"run must hold plain values.", "The file is not JSON."}


def test_a_step_without_sigma_remasks_nothing():
    step = next(place for place, step in enumerate(GOOD["steps"]) if step["remasked"])
    with pytest.raises(TraceError, match="A step with sigma 0 cannot remask anything"):
        loads(changed("steps", step, "sigma", 0.0))


def test_a_gzip_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(trace_file, "MAX_BYTES", 1 << 20)
    bomb = gzip.compress(b" " * (32 << 20))
    tracemalloc.start()
    with pytest.raises(TraceError, match="larger than"):
        loads(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_a_file_that_is_too_large_or_absent_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(trace_file, "MAX_BYTES", 1000)
    (tmp_path / "large.json").write_bytes(TEXT)
    with pytest.raises(TraceError, match="larger than"):
        load(tmp_path / "large.json")
    with pytest.raises(TraceError, match="cannot be read"):
        load(tmp_path / "absent.json")


NASTY = [None, True, -1, 0, 1, 10**30, 10**400, 1.5, -0.0, 1e-300, "", "x", "\ud800", "٣", [], [[]], {}, {"a": 1}]


def mutate(content, rng):
    """Replace, delete or repeat one value anywhere."""
    place = content
    while True:
        key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if isinstance(place[key], dict | list) and place[key] and rng.random() < 0.8:
            place = place[key]
            continue
        action = rng.random()
        if action < 0.7:
            place[key] = rng.choice(NASTY)
        elif action < 0.85:
            del place[key]
        elif isinstance(place, list):
            place.append(place[key])
        return


@pytest.mark.parametrize("seed", range(4))
def test_random_damage_is_either_harmless_or_refused(seed):
    rng = random.Random(seed)
    accepted = 0
    for _ in range(150):
        content = copy.deepcopy(GOOD)
        for _ in range(rng.choice([1, 1, 3])):
            mutate(content, rng)
        data = bytearray(json.dumps(content).encode())
        if rng.random() < 0.3:
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.2:
            data = bytearray(gzip.compress(bytes(data)))
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        try:
            trace = loads(bytes(data))
        except TraceError:
            continue
        accepted += 1
        assert dumps(loads(dumps(trace))) == dumps(trace)
    assert 5 < accepted < 145
