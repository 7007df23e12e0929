"""`python -m remdm evaluate countdown`: pass@1 of each sampler on held-out problems, seed by seed.

Every sampler gets the same problems and, seed by seed, the same random numbers. T is the number of steps asked for;
the NFE that was really spent is given with it, for a sampler that never revises cannot spend more of them than there
are tokens. `--restarts` gives such samplers as many all the same: n answers, the likeliest of which is kept.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from remdm.domains.countdown.domain import COUNTDOWN, DOMAIN
from remdm.domains.countdown.problems import RANGES, Problem, test_problems, tuning_problems
from remdm.domains.countdown.scores import Answers, figures, over_problems, render, score
from remdm.evaluation.measurement import Bench, Measure, Measurement, Objective
from remdm.evaluation.sweeps.compiled import compiled, number_type
from remdm.evaluation.sweeps.results import KEY, Row, with_ends
from remdm.evaluation.sweeps.samples import Cell, Samples, load
from remdm.models.checkpoints import ROOT, weights_hash
from remdm.models.network import compute

SPLITS = {"test": test_problems, "tuning": tuning_problems}
COLUMNS = (
    *KEY, "split", "dtype", "version", "parameters", "problems", "forwards", "seconds", *with_ends("solved"),
    "reference", *with_ends("gain"), "fair", "equations", "copied", "equation", "count", "unused", "stranger", "target",
    "settings", "machine",
)  # fmt: skip


def reference(cell: Cell) -> Cell:
    """The plain sampler of the same kind at the same steps and seed: MDLM, or LLaDA for what goes by confidence."""
    kind = "mdlm" if cell.settings.parts["transition"] in ("ancestral", "gibbs", "prism") else "llada"
    return Cell(kind, cell.steps, cell.seed)


def compared(cell: Cell, samples: Samples, problems: Sequence[Problem], file: Path) -> dict[str, Any]:
    """The gain on the reference, where that has answered the same problems in a file."""
    other = load(file)
    if other is None or len(other) != len(samples):
        return {"reference": "", "gain": None}
    gain = score(samples.tokens).correct.astype(float) - score(other.tokens).correct
    return {"reference": reference(cell).sampler, "gain": over_problems(gain, problems)}


class Countdown(Measurement):
    """Steps: one a token, the paper's 32, and the 64 that its loop really takes (arXiv 2503.00307, Appendix D.4)."""

    domain, file, columns, own = "countdown", "countdown.csv", COLUMNS, "held-out problems"
    measures = (Measure("solved", "pass@1", share=True, count="problems"),)
    missing = "The problems are our own, three numbers below 100; the paper's are not published."
    objective = Objective("solved")
    samplers = ("mdlm", "llada", "remdm-llada", "llada-dfm", "fb", "dfm", "remdm-cap", "remdm-rescale", "remdm-conf",
                "remdm-loop")  # fmt: skip
    steps, samples, at_once, batch, seeds = (11, 32, 64), 1000, 256, 25, (0, 1, 2)
    unit, named, tuning = "problems", ("model", "split"), ("--split", "tuning")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        help_model = "whose problems are those of its range"
        parser.add_argument("--model", default=COUNTDOWN.name, choices=tuple(RANGES), help=help_model)
        help_split = "test: held out by numbers and target; tuning: held out by numbers, to choose settings by"
        parser.add_argument("--split", default="test", choices=tuple(SPLITS), help=help_split)
        help_restarts = "answers to a problem, the likeliest of which counts (default 1)"
        parser.add_argument("--restarts", type=int, default=1, help=help_restarts)
        help_vote = "of each run the answer that most of its steps gave counts, the later ones more (arXiv 2508.09138)"
        parser.add_argument("--vote", action="store_true", help=help_vote)

    def open(self, args: argparse.Namespace) -> Sequence[Bench]:
        model = DOMAIN.model(args.model)
        problems, digest = SPLITS[args.split](RANGES[model.name]), weights_hash(ROOT / model.name)
        if len(problems) < args.samples:
            raise ValueError(
                f"problems must be at most {len(problems)}, the held-out ones there are; got {args.samples}"
            )
        checkpoint = compiled(args, model.load(compute(args.device)))
        folder, again = f"-{args.split}{args.samples}/", f"{args.restarts}x_" if args.restarts > 1 else ""
        again += "vote_" if args.vote else ""

        def draws(cell: Cell) -> list[Answers]:
            how = (args.samples, args.restarts, number_type(checkpoint), args.vote)
            return [Answers(checkpoint.denoiser, cell.settings, cell.seed, problems, *how)]

        def scored(cell: Cell | None, groups: Sequence[Samples]) -> Mapping[str, Any]:
            assert cell is not None
            own, plain = problems[: len(groups[0])], reference(cell)
            found = figures(groups[0].tokens, own)
            if plain == cell and not again:
                return {**found, "reference": ""}
            path = args.out / "samples" / f"{model.name}-{digest}{folder}{plain.file}"
            return {**found, **compared(cell, groups[0], own, path)}

        how = {f"restarts={args.restarts}": args.restarts > 1, "vote": args.vote}
        named, about = ", ".join(name for name, on in how.items() if on), {"split": args.split}
        return [
            Bench(model.name, digest, checkpoint, draws, scored, (folder + again,), named, about, runs=args.restarts)
        ]

    def condition(self, row: Row) -> str:
        return self.own if row["model"] == COUNTDOWN.name else row["model"]

    def opening(self, model: str) -> tuple[Sequence[str], Objective]:
        return (*self.tuning, "--model", model), self.objective

    def results(self, args: argparse.Namespace) -> Path:
        """A file of its own for problems to tune by."""
        return args.out / (self.file if args.split == "test" else f"countdown-{args.split}.csv")

    def waits(self, cell: Cell) -> bool:
        """References first, for the gains on them."""
        return cell != reference(cell)

    def render(self, rows: Sequence[Row]) -> str:
        return render(rows)


MEASUREMENT = Countdown()
