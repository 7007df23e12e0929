"""`python -m remdm bound text`: MDLM's and ReMDM's training bound on held-out text, and the world's entropy."""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from remdm.domains.registry import DOMAINS
from remdm.domains.text import prose, storyworld
from remdm.domains.text.train import story_batch
from remdm.evaluation.metrics.statistics import over_seeds
from remdm.models.checkpoints import ROOT, Checkpoint
from remdm.models.network import compute
from remdm.sampling.nelbo import mdlm_nelbo, step_nelbo, stratified_times
from remdm.sampling.schedule import Linear
from remdm.sampling.time_grid import Uniform, steps

CHUNK = 16
TEXT = DOMAINS["text"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("domain", choices=("text",))
    parser.add_argument("--model", default="stories", choices=[model.name for model in TEXT.models])
    parser.add_argument("--texts", type=int, default=256, help="held-out texts (default 256)")
    parser.add_argument("--passes", type=int, default=4, help="estimates of each (default 4)")
    parser.add_argument("--steps", type=int, default=1024, help="T of ReMDM's bound (default 1024)")
    parser.add_argument("--eta", type=float, default=0.02, help="sigma of ReMDM's bound: min(eta, sigma_max)")
    parser.add_argument("--prepared", type=Path, help="folder of the prepared prose (default: where training keeps it)")


def _heldout(args: argparse.Namespace, checkpoint: Checkpoint) -> Tensor:
    if TEXT.model(args.model).issues:  # what a checker reads are stories
        return story_batch(0, args.texts, "heldout", storyworld.world_of(checkpoint.length))
    data = prose.prepare(args.prepared or ROOT / "prose" / "training" / "data")
    return torch.from_numpy(data.heldout[: args.texts].astype("int64"))


def run(args: argparse.Namespace) -> None:
    """`bound`: print nats a text (its padding included, which costs nearly nothing)."""
    checkpoint = TEXT.model(args.model).load(compute("auto"))
    x = _heldout(args, checkpoint)
    generator = torch.Generator().manual_seed(0)

    def log_x(z: Tensor, rows: Tensor) -> Tensor:
        return checkpoint.denoiser(z, rows, 0.0).cpu()

    chunks = [part for _ in range(args.passes) for part in x.split(CHUNK)]
    plain = torch.cat(
        [
            mdlm_nelbo(log_x, part, stratified_times(len(part), generator), checkpoint.mask_id, generator)
            for part in chunks
        ]
    )
    walk = steps(Uniform(), args.steps, Linear())
    places = (stratified_times(len(chunks), generator) * len(walk)).long().clamp(max=len(walk) - 1)
    remasking = []
    for part, place in zip(chunks, places.tolist(), strict=True):
        step = walk[place]
        sigma = min(args.eta, step.sigma_max)
        remasking.append(len(walk) * step_nelbo(log_x, part, step, sigma, checkpoint.mask_id, generator))
    bounds = (over_seeds((nats * x.shape[1]).tolist()) for nats in (plain, torch.cat(remasking)))
    mdlm, remdm = (f"{each:.2f}" for each in bounds)
    print(
        f"{args.model}: {len(x)} held-out texts, {args.passes} estimates each, {checkpoint.compute.dtype}; nats a text"
    )
    print(f"MDLM bound (sigma 0)                    {mdlm}")
    print(f"ReMDM bound (T {args.steps}, cap {args.eta})          {remdm}")
    if TEXT.model(args.model).issues:
        nats, _ = storyworld.entropy(world=storyworld.world_of(checkpoint.length))
        print(f"the world's own entropy, at most         {nats:.2f}")
