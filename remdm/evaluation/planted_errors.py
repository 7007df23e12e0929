"""Plant an error in many runs: how often does a sampler find it, how soon, and how often does it touch what was right?

All samplers go on from the same states with the same random numbers: N runs are drafted with one sampler up to a step,
in each a decoded token is replaced by one that the model finds unlikely there, and each sampler takes over. With them
run the same N states without the change: what a sampler replaces there it would have replaced anyway.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from remdm.evaluation.metrics.statistics import wilson
from remdm.runs.planting import SPECIAL, UNLIKELY
from remdm.runs.record import prepare, together
from remdm.runs.request import RunRequest, run_seed
from remdm.sampling.coupled_noise import mixed, taken_up
from remdm.sampling.methods import Settings, build, run
from remdm.sampling.state import State
from remdm.views.interval import Interval

MOST_RUNS = 256
"""They go on in one batch."""


@dataclass(frozen=True)
class Tally:
    """What became of N planted errors under one sampler.

    Attributes:
        planted: N.
        remasked: how many were sent back at least once.
        replaced: where another token stands at the end. restored: where it is the one that had stood there.
        waits: steps from the planting to the first remasking, of those remasked.
        control_changed: of the same positions without an error, where another token than before stands at the end.
    """

    planted: int
    remasked: int
    replaced: int
    restored: int
    waits: tuple[int, ...]
    control_changed: int

    @property
    def repair_rate(self) -> Interval:
        """Share of planted errors that are gone at the end."""
        return wilson(self.replaced, self.planted)

    @property
    def control_rate(self) -> Interval:
        """Share of positions whose token changed though nothing was planted there."""
        return wilson(self.control_changed, self.planted)

    @property
    def median_wait(self) -> float | None:
        """Median steps to the first remasking; None where none was remasked."""
        return float(torch.tensor(self.waits, dtype=torch.float64).quantile(0.5)) if self.waits else None


@dataclass(frozen=True)
class Planted:
    """N states with an error in each: `state` has 2 N rows, the second half without it."""

    state: State
    places: Tensor
    wrong: Tensor
    right: Tensor
    t: float


def planted(request: RunRequest, step: int, count: int) -> Iterator[Planted | None]:
    """Draft `count` runs of a request up to a step and plant an unlikely token at a random decoded position of each.

    None after each step, the states at the end.

    Raises:
        ValueError: for a step outside the run, if nothing is decoded there yet, or for too many runs.
    """
    if not 1 <= count <= MOST_RUNS:
        raise ValueError(f"runs must be a whole number from 1 to {MOST_RUNS}, got {count}")
    walk = build(request.settings)[1]
    if not 1 <= step < len(walk):
        raise ValueError(
            f"step must lie between 1 and {len(walk) - 1}, where the run has begun and goes on, got {step}"
        )
    runs = together([replace(request, index=index) for index in range(count)]).runs
    denoiser = request.model.denoiser(runs[0].checkpoint, request.asked)
    seeds = tuple(run_seed(request.seed, index) for index in range(count))
    tokens = torch.tensor([each.start for each in runs])
    for record in run(denoiser, request.settings, tokens, seeds, watch=False, coupled=True):
        state = record.after
        if record.step.index == step - 1:
            break
        yield None
    rows = torch.zeros_like(state.given)
    for row, seed in enumerate(seeds):
        words = runs[0].view(state.tokens[row].tolist()).printed
        plain = torch.tensor([word is not None and not SPECIAL.match(word) for word in words])
        able = (state.decoded[row] & plain).nonzero()[:, 0]
        if not len(able):
            raise ValueError(f"After step {step} nothing is decoded yet in run {row + 1}; choose a later step.")
        rows[row, able[mixed(seed, step) % len(able)]] = True
    log_p = denoiser(state.tokens.masked_fill(rows, state.mask_id), rows, walk[step].t).cpu()
    right = state.tokens[rows]
    special = [SPECIAL.match(word.strip()) is not None for word in runs[0].pieces(range(log_p.shape[1])).values()]
    probability = log_p.double().exp().masked_fill(torch.tensor(special), 0.0)
    probability[torch.arange(count), right] = 0.0
    few = probability.where(probability < UNLIKELY, 0.0)
    generator = torch.Generator().manual_seed(mixed(request.seed, step))
    wrong = torch.multinomial(torch.where(few.sum(1, keepdim=True) > 0, few, probability), 1, generator=generator)
    psi = log_p.double().exp().gather(1, wrong)[:, 0]
    changed_tokens, changed_psi = state.tokens.clone(), state.psi.clone()
    changed_tokens[rows], changed_psi[rows] = wrong[:, 0], psi
    both = State(
        torch.cat([changed_tokens, state.tokens]), torch.cat([changed_psi, state.psi]), state.given.repeat(2, 1),
        state.mask_id,
    )  # fmt: skip
    yield Planted(both, rows.int().argmax(1), wrong[:, 0], right, walk[step - 1].s)


def followed(request: RunRequest, chosen: Settings, step: int, made: Planted) -> Iterator[Tally | None]:
    """Let a sampler go on from planted states: None after each step, the tally at the end."""
    count = len(made.places)
    walk = build(chosen)[1]
    first = step if chosen == request.settings else taken_up(walk, made.t)
    prepared = prepare(replace(request, index=0))
    denoiser = request.model.denoiser(prepared.checkpoint, request.asked)
    seeds = tuple(run_seed(request.seed, index) for index in range(count)) * 2
    each = torch.arange(count)
    waits: dict[int, int] = {}
    state = made.state
    for taken, record in enumerate(run(denoiser, chosen, state, seeds, watch=False, first=first, coupled=True), 1):
        state = record.after
        for row in record.remasked[each, made.places].nonzero()[:, 0].tolist():
            waits.setdefault(row, taken)
        yield None
    ends = state.tokens[:count][each, made.places]
    others = state.tokens[count:][each, made.places]
    yield Tally(
        count, len(waits), int((ends != made.wrong).sum()), int((ends == made.right).sum()),
        tuple(waits.values()), int((others != made.right).sum()),
    )  # fmt: skip


def experiment(
    request: RunRequest, samplers: Mapping[str, Settings], step: int, count: int
) -> Iterator[tuple[str, Mapping[str, Tally]]]:
    """Plant, then follow with each sampler in turn: (what is being done, the tallies so far)."""
    tallies: dict[str, Tally] = {}
    yield "drafting", dict(tallies)
    for made in planted(request, step, count):
        if made is None:
            yield "drafting", dict(tallies)
    assert made is not None  # the last one
    for name, chosen in samplers.items():
        for found in followed(request, chosen, step, made):
            if found is not None:
                tallies[name] = found
            yield name, tallies
    yield "", dict(tallies)


def row(name: str, tally: Tally) -> Sequence[str]:
    """A tally as a line of a table: see `HEADINGS`."""
    wait = "–" if tally.median_wait is None else f"{tally.median_wait:g}"
    return (
        name, f"{tally.remasked} / {tally.planted}", f"{tally.repair_rate:.0%}", f"{tally.restored}", wait,
        f"{tally.control_rate:.0%}",
    )  # fmt: skip


HEADINGS = (
    "sampler", "remasked", "gone at the end", "right token back", "median steps to remask", "control: changed anyway",
)  # fmt: skip
