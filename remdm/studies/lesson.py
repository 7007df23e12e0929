"""`remdm lesson`: chooses the runs of Learn by measuring many, and records them; new weights need nothing by hand."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from remdm.app.learn.checks import repairs
from remdm.app.learn.recorded import FOLDER, trace_file
from remdm.app.recordings import keep
from remdm.app.samples import Sample, checked
from remdm.domains.registry import DOMAINS
from remdm.evaluation.judging import Judged, judge, sweep
from remdm.evaluation.planted_errors import experiment
from remdm.models.checkpoints import recommended
from remdm.runs.record import prepare
from remdm.runs.request import RunRequest, run_seed
from remdm.runs.trace import Trace
from remdm.sampling.methods import run as sampled
from remdm.sampling.methods import settings
from remdm.sampling.presets import METHODS
from remdm.studies.pairs import pair

DOMAIN = DOMAINS["text"]
MODEL = DOMAIN.models[0]
FEW_STEPS, LLADA_STEPS = 16, 64
BUDGET_STEPS = (32, 64, 128, 256)
STRENGTHS = (0.0, 0.02, 0.1, 0.4)
"""Of the recommended sampler; 0 is MDLM."""
NEVER, AGAIN = "never takes a word back", "takes words back and tries again"

Board = dict[str, Any]
Named = tuple[str, str, str, Mapping[str, Any]]
"""A lane: its title, what it does in a few words, its sampler, its settings."""


def board(seed: int, steps: int, *lanes: Named) -> Board:
    """A board as the index describes it."""
    named = [dict(zip(("title", "about", "sampler", "settings"), lane, strict=True)) for lane in lanes]
    return {"model": MODEL.name, "seed": seed, "steps": steps, "asked": {}, "lanes": named}


def mdlm(about: str = NEVER) -> Named:
    """The lane that never revises."""
    return "MDLM", about, "mdlm", {}


def remdm(eta: float | None = None) -> Named:
    """The lane with the model's recommended settings, or with another strength."""
    best = {name: value for name, value in recommended(MODEL.name).items() if name != "steps"}
    return "ReMDM", AGAIN, best.pop("sampler"), best | ({} if eta is None else {"eta": eta})


def run_of(about: Board, lane: int = 0) -> RunRequest:
    """What a lane asks for."""
    chosen = settings(about["lanes"][lane]["sampler"], about["steps"], **about["lanes"][lane]["settings"])
    return RunRequest(DOMAIN, MODEL, "", MODEL.length, chosen, about["seed"])


def seen(about: Board) -> tuple[list[Trace], list[Sample]]:
    """A board's runs, and the errors in them."""
    traces = pair(DOMAIN.name, about)
    return traces, [checked(DOMAIN, trace) for trace in traces]


# The stations


def many_at_once(seeds: Sequence[int]) -> tuple[Board, list[Trace]]:
    """Few steps: the run in which most errors lie among words of one and the same step."""

    def conflicts(sample: Sample) -> int:
        step = {place: at for at, each in enumerate(sample.trace.steps) for place, *_ in each.decoded}
        blamed = [issue.positions for issue in (sample.issues or ((),))[-1]]
        return sum(len({step[place] for place in positions}) < len(positions) for positions in blamed)

    def one(seed: int) -> tuple[int, Board, list[Trace]]:
        about = board(seed, FEW_STEPS, mdlm("writes ten words at a time"))
        traces, (sample,) = seen(about)
        return conflicts(sample), about, traces

    return max((one(seed) for seed in seeds), key=lambda each: each[0])[1:]


def repaired(seeds: Sequence[int], least: int = 0) -> tuple[Board, list[Trace]]:
    """The pair in which a lasting error of the right lane is repaired, best where the left lane keeps one nearby."""

    def worth(plain: Sample, remasked: Sample) -> float:
        found = repairs(remasked)
        if not found or remasked.errors_left or not plain.errors_left or plain.errors_left < least:
            return -1.0
        kept = [place for issue in (plain.issues or ((),))[-1] for place in issue.positions]
        near = min(abs(place - other) for place in kept for *_, other in found)
        return max(gone - born for born, gone, _ in found) - near / 16 - abs(plain.errors_left - 3)

    chosen: tuple[float, Board, list[Trace]] | None = None
    for seed in seeds:
        about = board(seed, recommended(MODEL.name)["steps"], mdlm(), remdm())
        traces, (plain, remasked) = seen(about)
        if chosen is None or worth(plain, remasked) > chosen[0]:
            chosen = worth(plain, remasked), about, traces
    if chosen is None or chosen[0] < 0:
        raise ValueError(f"no seed of {list(seeds)} shows a repair; give more with --seeds")
    return chosen[1:]


def budget(seeds: Sequence[int]) -> tuple[list[dict[str, float]], np.ndarray]:
    """Errors and NFE a story by strength and steps, and the errors of each seed, `[point, seed]`."""
    points, errors = [], []
    for eta in STRENGTHS:
        for steps in BUDGET_STEPS:
            lane = remdm(eta) if eta else mdlm()
            prepared = prepare(run_of(board(seeds[0], steps, lane)))
            denoiser = MODEL.denoiser(prepared.checkpoint, prepared.request.asked)
            start = torch.tensor([prepared.start] * len(seeds))
            numbers = tuple(run_seed(seed, 0) for seed in seeds)
            running = sampled(denoiser, prepared.request.settings, start, numbers, watch=False, coupled=True)
            for record in running:
                state = record.after
            assert MODEL.issues is not None
            counts = [len(MODEL.issues(prepared.view(ids))) for ids in state.tokens.tolist()]
            errors.append(counts)
            nfe = float(running.forwards.double().mean())
            points.append({"eta": eta, "steps": steps, "errors": float(np.mean(counts)), "nfe": round(nfe, 1)})
    return points, np.array(errors)


def asked_about(seeds: Sequence[int]) -> tuple[Board, list[Trace], dict[str, int]]:
    """The text in which most errors are doubted only when hidden; of all texts how many words were doubted."""
    tally = dict.fromkeys(
        ("texts", "wrong", "right", "wrong_visible", "wrong_hidden", "right_visible", "right_hidden"), 0
    )
    best: tuple[int, Board, Trace, Judged] | None = None
    for seed in seeds:
        about = board(seed, FEW_STEPS, mdlm("asked while the word stands"), mdlm("asked while the word is hidden"))
        (trace, _) = pair(DOMAIN.name, about)
        judged = judge(prepare(run_of(about)), trace.final)
        tally["texts"] += 1
        tally["wrong"] += len(judged.wrong & set(judged.words))
        tally["right"] += len(set(judged.words) - judged.wrong)
        for name, probability in (("visible", judged.visible), ("hidden", judged.hidden)):
            tally[f"wrong_{name}"] += len(judged.doubted(probability))
            tally[f"right_{name}"] += len(judged.doubted(probability, wrong=False))
        only = set(judged.doubted(judged.hidden)) - set(judged.doubted(judged.visible))
        worth = 2 * len(only) - len(judged.doubted(judged.hidden, wrong=False))
        if best is None or worth > best[0]:
            best = worth, about, trace, judged
    assert best is not None
    _, about, trace, judged = best
    about["lanes"][0]["title"], about["lanes"][1]["title"] = "In view", "Hidden"
    return about, [sweep(trace, judged, hide) for hide in (False, True)], tally


def llada(seeds: Sequence[int]) -> tuple[Board, list[Trace]]:
    """LLaDA and LLaDA with remasking: the pair that differs most."""

    def one(seed: int) -> tuple[int, Board, list[Trace]]:
        first: Named = (METHODS["llada"].title, "puts guesses back, never words", "llada", {})
        second: Named = (METHODS["remdm-llada"].title, AGAIN, "remdm-llada", {})
        about = board(seed, LLADA_STEPS, first, second)
        traces, (plain, remasked) = seen(about)
        return (plain.errors_left or 0) - (remasked.errors_left or 0), about, traces

    return max((one(seed) for seed in seeds), key=lambda each: each[0])[1:]


def planted(about: Board, count: int) -> dict[str, Any]:
    """How many planted words each lane's sampler removes, planted after three quarters of the steps."""
    step = 3 * about["steps"] // 4
    lanes = {lane["title"]: run_of(about, place).settings for place, lane in enumerate(about["lanes"])}
    *_, (_, tallies) = experiment(run_of(about, 1), lanes, step, count)
    return {"count": count, "step": step, "removed": {name: each.replaced for name, each in tallies.items()}}


def recorded(seeds: Sequence[int]) -> Iterator[tuple[str, Board, list[Trace], dict[str, Any]]]:
    """Every board with its runs, and what was measured for its station."""
    yield "many", *many_at_once(seeds), {}
    about, traces = repaired(seeds)
    yield "repair", about, traces, {}
    yield "plant", about, traces, {"planted": planted(about, len(seeds))}
    yield "asked", *(found := asked_about(seeds))[:2], {"judged": found[2]}
    yield "llada", *llada(seeds[: len(seeds) // 2]), {}
    points, errors = budget(seeds)
    like = int(np.abs(errors - errors.mean(1, keepdims=True)).sum(0).argmin())
    for place, point in enumerate(points):
        lane = remdm(point["eta"]) if point["eta"] else mdlm()
        about = board(seeds[like], int(point["steps"]), lane)
        about["lanes"][0]["about"] = f"T = {point['steps']}" + (f", η = {point['eta']:g}" if point["eta"] else "")
        measured = {"budget": {"stories": len(seeds), "points": points}} if not place else {}
        yield f"budget-{place}", about, pair(DOMAIN.name, about), measured


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    parser.add_argument("--seeds", type=int, default=16, help="how many seeds to choose from, and to measure with")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="gets index.json and the traces")


def run(args: argparse.Namespace) -> None:
    """Measure, choose, record, and say what was chosen.

    Raises:
        ValueError: if no seed shows what a station needs.
    """
    if args.seeds < 2:
        raise ValueError(f"seeds must be at least 2, got {args.seeds}")
    args.folder.mkdir(parents=True, exist_ok=True)
    index: dict[str, Any] = {"boards": {}}
    for name, about, traces, measured in recorded(range(1, args.seeds + 1)):
        index["boards"][name] = about
        index |= measured
        for lane, trace in enumerate(traces):
            keep(trace, trace_file(args.folder, name, lane), DOMAIN)
        left = [checked(DOMAIN, trace).errors_left for trace in traces]
        print(f"{name}: seed {about['seed']}, {about['steps']} steps, errors left {left}", flush=True)
    text = json.dumps(index, ensure_ascii=False, indent=1)
    (args.folder / "index.json").write_text(text + "\n", encoding="utf-8")
