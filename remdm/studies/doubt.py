"""`python -m remdm doubt text`: which score finds a wrong word.

MDLM writes texts in few steps, the checker says which words are wrong, and each score has to set those apart from the
right ones: the probability that a word had when it was written (psi), the one that the network gives it now with the
word in view and with the word hidden, and the score of a PRISM head where the model has one.
"""

import argparse

import numpy as np
import torch

from remdm.domains.registry import DOMAINS
from remdm.evaluation.judging import MOST_BLAMED, judge
from remdm.models.network import DEVICES, NetworkDenoiser
from remdm.runs.record import prepare, record
from remdm.runs.request import RunRequest
from remdm.runs.trace import Trace
from remdm.sampling.methods import settings
from remdm.training.prism import auc

CHECKED = tuple(name for name, domain in DOMAINS.items() if domain.models[0].issues)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("domain", choices=CHECKED)
    parser.add_argument("--model", help="one of the domain's models (default: its first)")
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--steps", type=int, default=16, help="T: few, so that there are errors")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", choices=DEVICES)


def when_written(trace: Trace) -> np.ndarray:
    """psi of the final tokens, `[L]`; 1 where given."""
    psi = np.ones(trace.length)
    for frame in trace.steps:
        for position, _, probability in frame.decoded:
            psi[position] = probability
    return psi


def run(args: argparse.Namespace) -> None:
    """Write, ask, print.

    Raises:
        ValueError: for an unknown model, and where no word was wrong.
    """
    domain = DOMAINS[args.domain]
    model, chosen = domain.model(args.model), settings("mdlm", args.steps)
    found: dict[str, list[float]] = {}
    wrong: list[bool] = []
    for index in range(args.samples):
        request = RunRequest(domain, model, "", model.length, chosen, args.seed, index, args.device, watch=False)
        prepared = prepare(request)
        trace = record(prepared)
        asked = judge(prepared, trace.final)
        scores = {"psi": when_written(trace), "visible": asked.visible, "hidden": asked.hidden}
        denoiser = prepared.checkpoint.denoiser
        if isinstance(denoiser, NetworkDenoiser) and denoiser.scored:
            tokens = torch.tensor([trace.final])
            scores["head"] = denoiser.scores(tokens, torch.ones_like(tokens, dtype=torch.bool), 0.5)[1][0].cpu().numpy()
        words = [place for place in asked.words if place not in trace.given]
        for name, values in scores.items():
            found.setdefault(name, []).extend(float(values[place]) for place in words)
        wrong += [place in asked.wrong for place in words]
    if not any(wrong):
        raise ValueError("No word was wrong, so none can be found; take fewer steps or more samples")
    bad = torch.tensor(wrong)
    print(
        f"{model.name}: {args.samples} texts, MDLM, T = {args.steps}, seed {args.seed}: {len(wrong):,} words, of which"
    )
    print(f"the checker blames {sum(wrong)} with at most {MOST_BLAMED} positions")
    for name, each in found.items():
        print(f"{name:8} AUC {auc(torch.tensor(each), bad):.3f}")
