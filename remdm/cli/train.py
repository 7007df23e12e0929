"""`train`: an embedded model of a domain, from the start or from where the last call ended."""

import argparse
from pathlib import Path

from remdm.domains import registry
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
    parser.add_argument("--folder", type=Path, help="where the checkpoint goes (default checkpoints/MODEL)")


def run(args: argparse.Namespace) -> None:
    """Train, and export the model as it grows.

    Raises:
        ValueError: for a model that the domain does not train.
    """
    trainers = registry.trainers()[args.domain]
    name = args.model or next(iter(trainers))
    if name not in trainers:
        raise ValueError(f"model must be one of {', '.join(trainers)}, got {name}")
    rates = (args.matrix_rate, args.other_rate, args.cooldown)
    recipe = Recipe(args.minutes, args.batch, *rates, seed=args.seed, compiled=args.compile)
    trainers[name](args.folder or CHECKPOINTS / name, recipe)
