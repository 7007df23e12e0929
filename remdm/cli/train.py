"""`train`: an embedded model of a domain, from the start or from where the last call ended."""

import argparse
from pathlib import Path

from remdm.domains import registry
from remdm.models.network import TRAINING
from remdm.paths import CHECKPOINTS
from remdm.training.loop import Recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("domain", choices=registry.NAMES)
    parser.add_argument("--model", help="one of the domain's models (default: its first)")
    parser.add_argument("--minutes", type=float, default=120, help="training time in all, earlier sessions included")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--matrix-rate", type=float, default=0.02, help="Muon's learning rate")
    parser.add_argument("--other-rate", type=float, default=0.003, help="AdamW's learning rate")
    parser.add_argument("--cooldown", type=float, default=0.4, help="share of the time over which the rates fall")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compile", action="store_true", help="compile the network first: much faster on CPU")
    parser.add_argument("--device", default="auto", choices=TRAINING)
    parser.add_argument("--average", type=float, default=0.999, help="decay of the running average of the weights")
    parser.add_argument("--save-minutes", type=float, default=3.0, help="between two states on disk")
    help_snapshots = "shares of the time after which the weights are kept in a file of their own too"
    parser.add_argument("--snapshots", type=float, nargs="+", default=[], metavar="SHARE", help=help_snapshots)
    parser.add_argument("--data", type=Path, help="folder of the packed training data (default: below the checkpoint)")
    parser.add_argument("--folder", type=Path, help="where the checkpoint goes (default checkpoints/MODEL)")


def run(args: argparse.Namespace) -> None:
    """Train, and export the model as it grows.

    Raises:
        ValueError: for a model that the domain does not train.
    """
    trainers = registry.trainers(args.domain)
    name = args.model or next(iter(trainers))
    if name not in trainers:
        raise ValueError(f"model must be one of {', '.join(trainers)}, got {name}")
    recipe = Recipe(
        args.minutes, args.batch, args.matrix_rate, args.other_rate, args.cooldown, args.average, args.save_minutes,
        args.seed, args.compile, args.device, args.data, tuple(args.snapshots),
    )  # fmt: skip
    trainers[name](args.folder or CHECKPOINTS / name, recipe)
