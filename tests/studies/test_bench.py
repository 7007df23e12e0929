"""The benchmark: its rows say what was timed, and the literal step is the method's, so that a ratio means something."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from remdm.models import openvino
from remdm.models.encoder import Encoder, EncoderConfig
from remdm.models.network import Compute, NetworkDenoiser, compute
from remdm.models.transformer import TransformerConfig
from remdm.sampling.time_grid import Step
from remdm.studies.bench import browser, crowd, floor, page, steps
from remdm.studies.bench.command import add_arguments, run
from remdm.studies.bench.literal import literal_step
from remdm.studies.bench.report import markdown
from remdm.studies.bench.rows import CLOCKS, interleaved, line, row
from remdm.studies.bench.targets import MET, MISSED, UNKNOWN, verdicts

CPU = Compute(torch.device("cpu"), torch.float32, "for the tests")
TINY = (23, 12, lambda: steps.random_transformer(TransformerConfig(23, 12, 16, 2, 2)), 3)
STEP = {
    "name", "geometry", "dtype", "ratio", "ours_ms", "other_ms", "network_ms", "not_network", "watched_ms", "decoded",
    "nucleus", "clock", "threads",
}  # fmt: skip
FLOOR = {"gflop", "floor_ms", "of_floor"}


@pytest.fixture(autouse=True)
def without_openvino(monkeypatch):
    """Whether it is installed changes no row here."""
    monkeypatch.setattr(steps, "find_spec", lambda name: None)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(steps.GEOMETRIES, "tiny", TINY)
    return steps.random_case("tiny", CPU)


def command(*flags):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    run(parser.parse_args(flags))


def test_a_row_of_a_step(tiny):
    made = steps.measured(tiny, "cpu")
    assert set(made) == STEP and (made["name"], made["geometry"], made["dtype"]) == ("step", "tiny", "float32")
    assert made["ratio"] == pytest.approx(made["other_ms"] / made["ours_ms"], rel=0.05)
    assert made["decoded"] >= 1 <= made["nucleus"] <= 22 and 0 <= made["not_network"] < 1
    assert min(made["ours_ms"], made["other_ms"], made["network_ms"], made["watched_ms"]) > 0


def test_where_openvino_is_installed_a_row_has_it_too(tiny, monkeypatch):
    monkeypatch.setattr(steps, "find_spec", lambda name: name == "openvino")
    monkeypatch.setattr(openvino, "_compiled", lambda plain, *how: plain.hidden)
    made = steps.measured(tiny, "cpu")
    assert set(made) == STEP | {"openvino_ms", "openvino_ratio"} and made["openvino_ms"] > 0
    assert made["openvino_ratio"] == pytest.approx(made["other_ms"] / made["openvino_ms"], rel=0.05)
    monkeypatch.setattr(steps, "FEW", 0)
    assert set(steps.measured(tiny, "cpu")) == STEP, "only of small ones"
    with_it = steps.random_case("tiny", replace(CPU, backend="OpenVINO"))
    assert steps.number_type(with_it.ours) == "float32 OpenVINO" and steps.number_type(with_it.plain) == "float32"


def test_fused_layers_count_too(monkeypatch):
    shape = EncoderConfig(23, 12, width=16, depth=2, heads=2, inner=32)
    monkeypatch.setitem(steps.GEOMETRIES, "tiny", (23, 12, lambda: Encoder(shape), 1))
    counted = 2 * 12 * 2 * (4 * 16 * 16 + 2 * 16 * 32)  # projections and feed-forward of both layers
    assert floor.products(steps.random_case("tiny", CPU), 3) >= counted


def test_the_floor_is_every_product_at_the_rate_of_one(monkeypatch):
    """12 positions of which 3 decode, 2 blocks of width 16, the last of which has queries at those 3 alone."""
    shape = steps.DiTConfig(23, 12, 16, 8, 2, 2)
    monkeypatch.setitem(steps.GEOMETRIES, "tiny", (23, 12, lambda: steps.random_dit(shape), 1))
    case = steps.random_case("tiny", CPU)
    weights = 12 * 12 * 16 * 16 + (12 * 2 + 3 * 10) * 16 * 16 + 3 * 16 * 23
    condition = 256 * 8 + 8 * 8 + 8 * (6 + 6 + 2) * 16  # on time: made once, and read by both blocks and the head
    counted = 2 * (weights + condition) + 2 * 2 * (12 + 3) * 12 * 16
    assert floor.products(case, 3) == counted
    monkeypatch.setattr(floor, "product_rate", lambda *of: counted / 0.004)  # 4 ms
    made = floor.against_floor(case, row("step", "tiny", 10.0, 20.0, decoded=3, clock="wall"))
    assert (made["floor_ms"], made["of_floor"], made["ours_ms"]) == (4, 2.5, 10)


def test_the_rate_of_a_product_is_timed_once(monkeypatch):
    monkeypatch.setattr(floor, "interleaved", lambda acts, repeats, clock: [acts[0]() and 2.0])
    monkeypatch.setattr(floor, "ROWS", 8)
    key = (torch.float32, torch.device("cpu"), "a clock of the tests", 1)
    rate = floor.product_rate(*key)
    assert rate == 2 * 8 * 768 * 3072 / 0.002
    monkeypatch.setattr(floor, "interleaved", None)
    assert floor.product_rate(*key) == rate


def test_both_steps_run_on_the_same_weights(tiny):
    every = torch.ones_like(tiny.start, dtype=torch.bool)
    assert tiny.ours(tiny.start, every, 0.5).equal(tiny.plain(tiny.start, every, 0.5))
    half = steps.half_decoded(tiny)
    assert 0 < half.decoded.sum() < 12 and half.tokens[half.decoded].max() < 22


@pytest.mark.parametrize("make", [steps.random_transformer, steps.random_dit])
def test_random_weights_say_something(make):
    """A network that is silent before training would be drawn from by other paths than a trained one."""
    shape = TransformerConfig(300, 8, 32, 2, 2) if make is steps.random_transformer else steps.DiTConfig(
        300, 8, 32, 16, 2, 2
    )  # fmt: skip
    torch.manual_seed(0)
    tokens = torch.arange(8)[None]
    logits = NetworkDenoiser(make(shape).eval(), 299)(tokens, torch.ones_like(tokens, dtype=torch.bool), 0.5)
    assert 1.5 < logits[:, :299].std() < 8


def test_the_literal_step_has_the_frequencies_of_the_posterior():
    """x_theta (.5, .3, .2) cut to (.625, .375) by the nucleus; alpha .6 -> .7, sigma .1. Chi-square, 99.9 %."""
    n, mask = 20_000, 3
    x = torch.tensor([0.5, 0.3, 0.2, 0.0]).log().expand(1, n, 4)
    z = torch.full((1, n), mask)
    z[0, : n // 2] = 1
    torch.manual_seed(3)
    s = literal_step(lambda z: x.clone(), z, mask, Step(0, 0.4, 0.3, 0.6, 0.7), 0.1, 0.9)[0]
    left, right = s[: n // 2], s[n // 2 :]
    assert set(left.tolist()) == {1, mask} and set(right.tolist()) == {0, 1, mask}
    for counts, chances, bound in (
        ([(left == 1).sum(), (left == mask).sum()], [0.9, 0.1], 10.83),
        ([(right == token).sum() for token in (0, 1, mask)], [0.25, 0.15, 0.6], 13.82),
    ):
        expected = torch.tensor(chances) * (n // 2)
        assert ((torch.stack(counts) - expected) ** 2 / expected).sum() < bound


def test_every_act_has_its_turn_in_every_round(monkeypatch):
    """On a clock that the acts themselves turn on: medians of their own times, in the order of the acts."""
    now, said = [0.0], []

    def act(name, seconds):
        def go():
            said.append(name)
            now[0] += next(seconds)

        return go

    monkeypatch.setitem(CLOCKS, "cpu", lambda: now[0])
    acts = [act("a", iter([9, 0.001, 0.002, 0.006])), act("b", iter([9, 0.03, 0.01, 0.02]))]
    assert interleaved(acts, 3, "cpu") == pytest.approx([2, 20]) and "".join(said) == "abababab"


def test_a_crowd_is_counted_whole(tiny):
    rows = list(crowd.crowds("tiny", tiny.ours, 12, steps=4, sizes=(1, 3)))
    assert [each["visitors"] for each in rows] == [1, 3]
    for each in rows:
        assert each["steps"] >= 4 * each["visitors"] and 0 < each["forwards"] <= each["steps"]
        assert min(each["first_ms"], each["line_first_ms"], each["batch_ms"]) > 0


def test_the_page_is_read_as_a_browser_reads_it(monkeypatch):
    """Steps are counted where messages carry one; what the app refuses is an error, not a row."""
    said = [
        {"msg": "process_starts"},
        {"msg": "process_generating", "output": {"data": ['{"v":1,"kind":"start"}']}},
        {"msg": "process_generating", "output": {"data": [[["replace", [], '{"v":1,"kind":"step","i":0}']]]}},
        {"msg": "process_generating", "output": {"data": [[["replace", [], '{"v":1,"kind":"step","i":1}']]]}},
    ]
    visitor = object.__new__(page.Visitor)
    visitor.parts = {1: {"props": {"elem_id": "text-steps", "value": 64}}, 2: {"props": {"value": "mdlm"}}}
    visitor.begin, visitor.gather = {"id": 0, "inputs": []}, {"id": 2, "inputs": [1, 2]}
    visitor.sample = {"id": 1, "inputs": [3, 4]}
    asked = []

    def call(event, data):
        asked.append(data)
        yield from ((100, each) for each in (said if event["id"] else said[:1]))

    monkeypatch.setattr(visitor, "call", call)
    visit = visitor.click(steps=16)
    assert (
        asked == [[], ['[16, "mdlm"]', None]]
        and (visit.steps, visit.bytes) == (2, 200)
        and 0 < visit.first < visit.seconds
    )
    said[2:] = []
    with pytest.raises(page.PageError, match="sent no step"):
        visitor.click()


def test_the_command_prints_and_writes_its_rows(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(steps.GEOMETRIES, "tiny", TINY)
    path = tmp_path / "bench.json"
    command("--only", "tiny", "--repeats", "1", "--json", str(path), "--device", "cpu")
    (made,) = json.loads(path.read_text(encoding="utf-8"))
    assert set(made) == STEP | FLOOR and made["geometry"] == "tiny"
    assert line(made) in capsys.readouterr().out
    assert Path(page.APP).is_file()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--only", "nowhere"], "only must be any of owt-1024, .*page, click, arrival, scrub, command, got nowhere"),
        (["--repeats", "0"], "repeats must"),
    ],
)
def test_what_cannot_be_measured_is_said_at_once(flags, message):
    with pytest.raises(ValueError, match=message):
        command(*flags, "--device", "cpu")


def test_rows_of_a_file_are_replaced_one_by_one_and_shown_as_a_page(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(steps.GEOMETRIES, "tiny", TINY)
    path = tmp_path / "bench.json"
    kept, old = row("page", "x", 1.0, 2.0, cold_start_s=3.0), row("step", "tiny", 1.0, 2.0)
    path.write_text(
        json.dumps([{**old, "dtype": str(compute("cpu").dtype).removeprefix("torch.")}, kept]), encoding="utf-8"
    )
    command("--only", "tiny", "--repeats", "1", "--json", str(path), "--device", "cpu")
    made, left = json.loads(path.read_text(encoding="utf-8"))
    assert set(made) == STEP | FLOOR and left == kept
    assert "met: app.py to a usable page in less than 4 s (3.0 s)" in capsys.readouterr().out
    command("--table", "--json", str(path))
    told = capsys.readouterr().out
    assert told == markdown([made, kept]) and "## step" in told and "## page" in told
    columns = next(line for line in told.splitlines() if "cold_start_s" in line)
    assert "ours · ms" in columns and "network" not in columns, "a table has what its kind of row has"
    with pytest.raises(ValueError, match="table needs rows"):
        command("--table", "--json", str(tmp_path / "none.json"))


def test_a_target_is_met_by_rows_alone():
    long, short = (row("step", name, ours, 100.0, dtype="bfloat16", not_network=share)
                   for name, ours, share in (("owt-1024", 25.0, 0.05), ("smiles-32", 5.0, 0.5)))  # fmt: skip
    rows = [long, short, row("scrub", "256x512", 1.0, 16.7, frames_per_second=59.9, late_frames=1)]
    assert [each.state for each in verdicts(rows)][:7] == [MISSED, MET, UNKNOWN, MET, UNKNOWN, UNKNOWN, UNKNOWN]
    assert {each.state for each in verdicts([])} == {UNKNOWN}
    slow = {**long, "dtype": "float32", "ratio": 5.5, "not_network": 0.2}
    assert [each.state for each in verdicts([slow, row("click", "stories", 301.0, 300.0)])][:3] == [MET, MISSED, MISSED]


def test_the_authors_step_has_a_target_where_it_was_measured():
    about = {"dtype": "bfloat16", "not_network": 0.05, "of_floor": 1.26}
    own = row("step", "owt-1024", 25.0, 300.0, **about)
    without, beaten = verdicts([own]), verdicts([{**own, "reference_ratio": 15.2, "of_floor": 1.25}])
    assert [(each.measured, each.state) for each in without[-1:]] == [("1.26 times, bfloat16", MISSED)]
    assert [each.state for each in beaten[-2:]] == [MET, MET] and len(beaten) == len(without) + 1
    assert beaten[-1].target.endswith("the authors' own") and beaten[-1].measured == "15.2 times, bfloat16"


def test_so_have_small_steps_with_openvino():
    rows = [{**row("step", name, 2.0, 2.1, dtype="bfloat16", not_network=0.5), "openvino_ratio": ratio}
            for name, ratio in (("countdown", 1.8), ("stories", 1.29))]  # fmt: skip
    assert (verdicts(rows)[-1].measured, verdicts(rows)[-1].state) == ("at least 1.29 times, in stories", MISSED)
    assert verdicts(rows[:1])[-1].state == MET


def test_what_gains_least_decides():
    rows = [row("batch", "molecule", 1.0, 9.0), row("batch", "countdown", 1.0, 4.0), row("neighbour", "x", 1.2, 1.0),
            row("start", "--help", 400.0, 500.0), row("start", "sample text", 2600.0, 2500.0)]  # fmt: skip
    states = {each.target.split(" in ")[0]: (each.measured, each.state) for each in verdicts(rows) if each.measured}
    assert list(states.values()) == [
        ("400 ms", MET), ("2600 ms", MISSED), ("1.20 times", MET), ("at least 4.0 times, for countdown", MISSED),
    ]  # fmt: skip


def test_the_run_that_is_scrubbed_has_what_it_says():
    trace = browser.long_run(40, 24)
    assert (trace.length, len(trace.steps)) == (40, 24) and any(each.remasked for each in trace.steps)
    assert trace.mask_id not in trace.final


def test_a_ratio_is_the_others_time_by_ours():
    assert row("step", "x", 2.0, 5.0, more="said") == {
        "name": "step", "geometry": "x", "ratio": 2.5, "ours_ms": 2.0, "other_ms": 5.0, "more": "said",
    }  # fmt: skip
