"""`python -m remdm evaluate molecule`: valid, unique and novel molecules of each sampler, and their mean property.

Samples are kept in OUT/samples, figures appended to OUT/molecule.csv; the same command goes on where it stopped, and
more `--samples` begin with those that are there. With `--property` the samples are guided, once for each
`--guidance-scale`: the points of a frontier.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

import remdm
from remdm.checkpoints import ROOT, Checkpoint, total_parameters, weights_hash
from remdm.domains.molecule import GUIDANCE, PRESETS, PROPERTIES, QM9, Asked, denoiser
from remdm.evaluation import results
from remdm.evaluation.cells import Cell, Samples, fill, variants
from remdm.evaluation.molecule_scores import MEANS, figures, guided_table, measured, unguided_table
from remdm.methods import METHODS, build
from remdm.models.network import compute

SAMPLERS = tuple(PRESETS)
_TRIPLE = ("", "_low", "_high")
COLUMNS = (
    *results.KEY, "property", "guidance", "guidance_scale", "dtype", "version", "parameters", "samples",
    *(f"{name}{end}" for name in ("valid", "unique", "novel") for end in _TRIPLE), "novel_strings",
    *(f"{name}{end}" for name in MEANS for end in _TRIPLE), "forwards", "seconds", "settings",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS, choices=tuple(METHODS), metavar="NAME")
    parser.add_argument("--steps", nargs="+", type=int, default=[32, 64, 128], metavar="T", help="default: 32 64 128")
    parser.add_argument("--samples", type=int, default=1024, help="in each cell (default 1024)")
    parser.add_argument("--seed", type=int, default=0)
    help_set = "other settings for a sampler (or `all`); once more for a further variant of it"
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="NAME:KEY=VALUE", help=help_set)
    parser.add_argument("--property", default="none", choices=PROPERTIES)
    parser.add_argument("--guidance", default="D-CFG", choices=GUIDANCE)
    help_scale = "one cell for each (default: 1 2 3 4 5 with a property)"
    parser.add_argument("--guidance-scale", nargs="+", type=float, default=[1, 2, 3, 4, 5], help=help_scale)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--table", action="store_true", help="only print the tables of what is in OUT")


@dataclass(frozen=True)
class Sweep:
    """A run of the command."""

    args: argparse.Namespace
    checkpoint: Checkpoint
    hash: str

    def cells(self) -> Iterator[tuple[Asked, Cell]]:
        """What is asked for and the cells, few steps first."""
        scales = self.args.guidance_scale if self.args.property != "none" else [1.0]
        for steps in dict.fromkeys(self.args.steps):
            for scale in scales:
                asked = Asked(self.args.property, self.args.guidance, float(scale))
                for sampler in dict.fromkeys(self.args.samplers):
                    for changed in variants(self.args.changes, sampler):
                        base = {"nucleus_p": 1.0, **PRESETS.get(sampler, {})}
                        yield asked, Cell(sampler, steps, self.args.seed, tuple(sorted((base | dict(changed)).items())))

    def fill(self, asked: Asked, cell: Cell, bar: tqdm) -> Samples:
        """The samples of a cell."""
        guided = f"{asked.property}-{asked.guidance}-{asked.guidance_scale:g}"
        folder = (
            self.args.out / "samples" / f"{QM9.name}-{self.hash}" / (guided if asked.property != "none" else "free")
        )
        samples = fill(
            cell, denoiser(self.checkpoint, asked), QM9.length, self.args.samples, folder / cell.file,
            batch=self.args.batch, tick=bar.update, dtype=str(self.checkpoint.compute.dtype).removeprefix("torch."),
        )  # fmt: skip
        return samples.first(self.args.samples)

    def row(self, asked: Asked, cell: Cell, samples: Samples) -> dict[str, str]:
        """The row of a cell."""
        free = asked.property == "none"
        wish = "" if free else f"property={asked.property},guidance={asked.guidance},γ={asked.guidance_scale:g}"
        return results.flat({
            "domain": "molecule", "model": QM9.name, "model_hash": self.hash, "sampler": cell.sampler,
            "overrides": ",".join(each for each in (cell.changes, wish) if each), "steps": cell.steps,
            "seed": cell.seed, "property": asked.property, "guidance": "" if free else asked.guidance,
            "guidance_scale": "" if free else asked.guidance_scale, "dtype": samples.dtype,
            "version": getattr(remdm, "__version__", ""), "samples": len(samples),
            "parameters": total_parameters(self.checkpoint.denoiser.network),
            "forwards": float(samples.forwards.mean()), "seconds": float(samples.seconds.mean()),
            "settings": json.dumps(cell.settings.flat(), sort_keys=True),
            **figures(measured(samples.tokens, self.checkpoint)),
        })  # fmt: skip


def render(rows: list[dict[str, str]], command: str) -> str:
    """Both tables as Markdown, and what they say."""
    free, guided = ([row for row in rows if (row["property"] == "none") == wanted] for wanted in (True, False))
    lines = []
    if free:
        lines += [*unguided_table(free), ""]
    if guided:
        lines += [*guided_table(guided), ""]
    about = (
        "Shares are of all n samples, with 95% intervals. Novel: different molecules (canonical SMILES) that QM9 does "
        "not have. Means over the novel ones. No nucleus unless named. Calls: those of the network; guidance of γ "
        "other than 0 and 1 takes two forward passes for each."
    )
    return "\n".join([*lines, about, "", f"Printed by `{command}`."])


def run(args: argparse.Namespace) -> None:
    """Sample what is missing, score it and print the tables; or only print them (`--table`).

    Raises:
        ValueError: for what the flags got wrong, before anything is drawn.
        CheckpointError: if the model cannot be loaded.
    """
    file = args.out / "molecule.csv"
    if not args.table:
        _sample(args, file)
    rows = results.read(file)
    if not rows:
        raise ValueError(f"{args.out} holds no results of molecules yet; run the command without --table first")
    print(render(rows, f"python -m remdm evaluate molecule --table --out {args.out}"))


def _sample(args: argparse.Namespace, file: Path) -> None:
    if args.samples < 1 or args.batch < 1 or args.threads < 1:
        raise ValueError(
            f"samples, batch and threads must be at least 1, got {args.samples}, {args.batch}, {args.threads}"
        )
    torch.set_num_threads(args.threads)
    checkpoint = QM9.load(compute(args.device))
    digest = weights_hash(ROOT / QM9.name)
    sweep = Sweep(args, checkpoint, digest)
    cells = list(sweep.cells())
    total = sum(len(build(cell.settings)[1]) for _, cell in cells) * args.samples
    with tqdm(total=total, unit="step", unit_scale=True, smoothing=0.02) as bar:
        for asked, cell in cells:
            bar.set_description(f"{cell.sampler} T={cell.steps} {asked.property} {asked.guidance_scale:g}")
            samples = sweep.fill(asked, cell, bar)
            results.append(file, sweep.row(asked, cell, samples), COLUMNS)
