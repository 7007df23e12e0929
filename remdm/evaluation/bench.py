"""`python -m remdm bench`: our step beside a literal one, on the same weights, interleaved in one run.

The literal step is written here from the reference's description (method: ReMDM eq. 6 as a categorical over V, in
float64, sorted nucleus, exponential race over all B x L x V entries), for a sampler at t = 0.5. Only ratios count:
other work on the machine slows both alike.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from remdm.categorical import Noise
from remdm.checkpoints import load_embedded
from remdm.denoiser import Truncated, Truncation, subs
from remdm.grid import Step
from remdm.models.network import NetworkDenoiser, compute
from remdm.models.transformer import PlainTransformer, TransformerConfig
from remdm.remasking import Cap
from remdm.state import State
from remdm.transition import Ancestral

NUCLEUS_P = 0.9
ETA = 0.04
STEPS = 64


@dataclass(frozen=True)
class Row:
    """One comparison: milliseconds are medians; `network_ms` is the network with its head over all positions."""

    name: str
    geometry: str
    dtype: str
    ratio: float
    ours_ms: float
    other_ms: float
    network_ms: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--repeats", type=int, default=9, help="timings of each step (default 9)")


def literal_step(network: torch.nn.Module, z: Tensor, mask_id: int, step: Step, sigma: float) -> Tensor:
    """The reference's step, as described: q over the whole vocabulary at every position, drawn by a 64-bit race."""
    logits = network(z).float()
    logits[..., mask_id] = -1e6
    log_x = logits.log_softmax(-1)
    decoded = z != mask_id
    log_x = torch.where(decoded[..., None], -1e6, log_x)
    log_x.scatter_(-1, z[..., None], torch.where(decoded, 0.0, -1e6)[..., None])
    x = log_x.exp()
    ordered, ids = x.sort(-1, descending=True)
    keep = ordered.cumsum(-1) <= NUCLEUS_P
    keep[..., 0] = True
    x = torch.zeros_like(x).scatter_(-1, ids, ordered * keep)
    x = x / x.sum(-1, keepdim=True)
    u = (step.alpha_s - (1 - sigma) * step.alpha_t) / (1 - step.alpha_t)
    q = torch.where(decoded[..., None], (1 - sigma) * x, u * x)
    q[..., mask_id] = torch.where(decoded, sigma, 1 - u)
    race = 1e-10 - (torch.rand_like(q, dtype=torch.float64) + 1e-10).log()
    return (q.double() / race).argmax(-1)


def _timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - begun)


def compare(geometry: str, network: PlainTransformer, mask_id: int, dtype: torch.dtype, repeats: int) -> Row:
    """Time both steps in turn on the same half-masked sequence."""
    shape = network.config
    generator = torch.Generator().manual_seed(0)
    z = torch.randint(0, shape.vocab_size, (1, shape.length), generator=generator)
    z[torch.rand(z.shape, generator=generator) < 0.5] = mask_id
    t = 0.5
    step = Step(0, t, t - 1 / STEPS, 1 - t, 1 - t + 1 / STEPS)
    sigma = min(ETA, step.sigma_max)
    fast = network.to(dtype)
    denoiser = Truncated(NetworkDenoiser(fast, mask_id), Truncation(NUCLEUS_P))
    state = State(z, torch.ones(z.shape, dtype=torch.float64), torch.zeros_like(z, dtype=torch.bool), mask_id)
    noise, ancestral = Noise((0,)), Ancestral(Cap(ETA))
    plain = PlainTransformer(shape)
    plain.load_state_dict({name: weight.float() for name, weight in network.state_dict().items()})
    with torch.inference_mode():
        acts: tuple[Callable[[], object], ...] = (
            lambda: ancestral(denoiser, state, step, noise, watch=True),
            lambda: literal_step(plain, z, mask_id, step, sigma),
            lambda: subs(fast(z)[0], mask_id),
        )
        times = [[_timed(act) for act in acts] for _ in range(repeats + 2)][2:]
    ours, other, alone = (statistics.median(column) for column in zip(*times, strict=True))
    name = str(dtype).removeprefix("torch.")
    return Row("step", geometry, name, round(other / ours, 2), round(ours, 2), round(other, 2), round(alone, 2))


def run(args: argparse.Namespace) -> None:
    """`bench`: print the table, write the rows."""
    chosen = compute("cpu")
    print(f"{chosen.dtype}: {chosen.reason}; {torch.get_num_threads()} threads")
    stories = load_embedded("stories", chosen)
    torch.manual_seed(0)
    cases = [("stories", stories.denoiser.network, stories.mask_id)]
    for geometry, shape in {
        "smiles-32": TransformerConfig(41, 32, 192, 6, 4),
        "text-256": TransformerConfig(4097, 256, 384, 6, 6),
        "image-256": TransformerConfig(1025, 256, 384, 6, 6),
    }.items():
        cases.append((geometry, PlainTransformer(shape), shape.vocab_size - 1))
    rows = [compare(geometry, network, mask_id, chosen.dtype, args.repeats) for geometry, network, mask_id in cases]
    print(f"{'geometry':12} {'ours ms':>9} {'literal ms':>11} {'ratio':>6} {'network ms':>11}")
    for row in rows:
        print(f"{row.geometry:12} {row.ours_ms:9.1f} {row.other_ms:11.1f} {row.ratio:6.1f} {row.network_ms:11.1f}")
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
