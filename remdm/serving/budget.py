"""What runs ask of a machine, and whether one request may ask so much."""

from collections.abc import Sequence

from remdm import limits
from remdm.models.checkpoints import total_parameters
from remdm.runs.record import PreparedRun
from remdm.sampling.knobs import knobs
from remdm.sampling.methods import build
from remdm.serving.gpu import Work

REDRAWN = 4
"""How often a position is drawn in a run in which each decides alone, at most: remasking sends few of them back."""


def work(runs: Sequence[PreparedRun]) -> Work:
    """What runs of one model and one setting ask of a GPU when they are made together."""
    first, loaded = runs[0].request, runs[0].checkpoint
    transition, walk = build(first.settings)
    steps, length = len(walk), first.length * len(runs)
    draws = REDRAWN if first.settings.parts["transition"] == "ancestral" else (steps + 1) // 2  # all masks, each step
    guided = bool(knobs(first.domain.ask)) or first.settings.answering.prompt_guidance != 1
    return Work(
        total_parameters(loaded.denoiser.network), transition.evaluations(first.length) * (2 if guided else 1), length,
        loaded.tokenizer.get_vocab_size(), steps, draws * length,
    )  # fmt: skip


def affordable(runs: Sequence[PreparedRun], times: int = 1) -> None:
    """Refuse runs of one click, each made so many times, that together ask for more than one request may.

    Raises:
        ValueError: with how many times too much it is.
    """
    asked = [work([each]) for each in runs]
    on_gpu = runs[0].checkpoint.compute.device.type == "cuda"
    limits.afford(times * sum(each.weights * each.passes * each.positions * each.steps for each in asked), on_gpu)
