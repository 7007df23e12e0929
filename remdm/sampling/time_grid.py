"""Time grids: which times a run visits, as data. A sampler walks consecutive pairs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from math import floor
from typing import Protocol

from remdm.sampling.knobs import Checked, knob
from remdm.sampling.schedule import SCHEDULES, Linear, Schedule
from remdm.sampling.state import State

DRAFT, LOOP, COMPLETE, FINISH = "draft", "loop", "complete", "finish"


@dataclass(frozen=True)
class Step:
    """One interval from t down to s, as the schedule sees it.

    `phase` names the part of the plan, `phase_steps` counts its steps and `left` those not yet done, this one included;
    `alpha_goal` is the alpha at its end: what samplers with exact counts need. `block`: the step is taken in these of
    the free positions alone, counted from the left, first and last + 1; None: in all of them.
    """

    index: int
    t: float
    s: float
    alpha_t: float
    alpha_s: float
    phase: str = DRAFT
    left: int = 1
    alpha_goal: float = 1.0
    block: tuple[int, int] | None = None
    phase_steps: int = 1

    def inside(self, state: State) -> State:
        """The state as this step sees it: what lies outside its block is not its to change."""
        if self.block is None:
            return state
        free = ~state.given
        place = free.cumsum(1) - 1
        first, stop = self.block
        return replace(state, given=~(free & (place >= first) & (place < stop)))

    @property
    def held(self) -> bool:
        """Time stands still: nothing but remasking and decoding again. Equal by construction, hence `==`."""
        return self.alpha_s == self.alpha_t

    @property
    def sigma_max(self) -> float:
        """The largest sigma that leaves every probability in [0, 1]: min(1, (1 - alpha_s) / alpha_t), ReMDM eq. 7."""
        return min(1.0, (1.0 - self.alpha_s) / self.alpha_t) if self.alpha_t > 0 else 1.0


@dataclass(frozen=True)
class Node:
    """A time on the grid and the phase of the step that starts there."""

    t: float
    phase: str = DRAFT


class Grid(Protocol):
    """Chooses the times of a run of n steps."""

    def nodes(self, n: int, schedule: Schedule) -> tuple[Node, ...]:
        """Times from 1 down: n + 1 of them, but for `Capped`, which takes as many as it needs."""


def steps(grid: Grid, n: int, schedule: Schedule) -> tuple[Step, ...]:
    """The steps of a run.

    Raises:
        ValueError: if n is not a positive whole number.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"steps must be a whole number of at least 1, got {n}")
    pairs = [(a, b, schedule.alpha(a.t), schedule.alpha(b.t)) for a, b in pairwise(grid.nodes(n, schedule))]
    made: list[Step] = []
    for phase, group in groupby(pairs, key=lambda pair: pair[0].phase):
        inside = list(group)
        goal = inside[-1][3]
        for place, (a, b, alpha_t, alpha_s) in enumerate(inside):
            times = (float(a.t), float(b.t), alpha_t, alpha_s)
            made.append(Step(len(made), *times, phase, len(inside) - place, goal, None, len(inside)))
    return tuple(made)


def in_blocks(grid: Grid, n: int, schedule: Schedule, free: int, block_length: int) -> tuple[Step, ...]:
    """The steps of a run that writes block after block, each as a run of its own (LLaDA's semi-autoregressive mode).

    The n steps are spread evenly over the blocks, the remainder over the first ones; each block has at least one.

    Args:
        grid: the times within a block.
        n: steps in all.
        schedule: alpha within a block.
        free: positions to write.
        block_length: positions of a block; the last one may have fewer.
    """
    count = max(1, -(-free // block_length))
    made: list[Step] = []
    for block in range(count):
        place = (block * block_length, (block + 1) * block_length)
        for step in steps(grid, max(1, n // count + (block < n % count)), schedule):
            made.append(replace(step, index=len(made), block=place))
    return tuple(made)


class FromTo(Checked):
    """Something that lasts from `t_on` down to `t_off`, which has to lie below."""

    t_on: float
    t_off: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.t_off < self.t_on:
            raise ValueError(f"t_off must lie below t_on, got t_off {self.t_off:g} and t_on {self.t_on:g}")


@dataclass(frozen=True)
class Uniform:
    """Equal steps from t = 1 to t = 0."""

    def nodes(self, n: int, schedule: Schedule) -> tuple[Node, ...]:
        """t_i = 1 - i / n."""
        return tuple(Node((n - i) / n) for i in range(n + 1))


@dataclass(frozen=True)
class Plateau(FromTo):
    """ReMDM-loop on the clock of the text experiments: t_on and t_off are shares of the step budget.

    Draft with alpha rising to alpha_on, hold it there between t_on and t_off, then complete (arXiv 2503.00307,
    section 4.1 and the reference's time map). Where the reference's alpha jumps at two steps, this one is continuous: a
    difference of 2% of the masked share at n = 100, of 4e-4 from n = 1,024 on. While alpha is held, sigma is at most
    (1 - alpha_on) / alpha_on, 0.111 at 0.9: a larger eta changes nothing.
    """

    t_on: float = knob(0.55, 0, 1, symbol="t_on", help="When it begins: the share of steps still to come.")
    t_off: float = knob(0.05, 0, 1, symbol="t_off", help="When it ends: the share of steps still to come.")
    alpha_on: float = knob(0.9, 0.01, 0.99, symbol="α(t_on)", help="The share of tokens decoded while the loop runs.")

    def nodes(self, n: int, schedule: Schedule) -> tuple[Node, ...]:
        """(1 - t_on) n draft steps, (t_on - t_off) n held ones, t_off n to complete."""
        raw = [(n - i) / n for i in range(n + 1)]
        first_held = next(i for i, t in enumerate(raw) if t <= self.t_on)
        first_late = next((i for i, t in enumerate(raw) if t <= self.t_off), n)
        held = schedule.time(self.alpha_on)
        if first_held == 0:  # the loop starts at once: nothing is decoded yet, and all of it has to be
            return (
                Node(1.0, DRAFT),
                *(Node(held, LOOP) for _ in range(1, first_late)),
                *self._late(raw, first_late, schedule),
            )
        draft = [
            Node(schedule.time(_bound((1 - t) * self.alpha_on / (1 - self.t_on))), DRAFT) for t in raw[:first_held]
        ]
        loop = [Node(held, LOOP) for _ in range(first_held, first_late)]
        return (*draft, *loop, *self._late(raw, first_late, schedule))

    def _late(self, raw: list[float], first: int, schedule: Schedule) -> list[Node]:
        late = [Node(schedule.time(self.alpha_on), COMPLETE)]
        for t in raw[first + 1 :]:
            late.append(Node(schedule.time(_bound(1 - t * (1 - self.alpha_on) / self.t_off)), COMPLETE))
        return late


@dataclass(frozen=True)
class PlateauTimes(FromTo):
    """ReMDM-loop on the clock of the QM9 experiments: t_on and t_off are times of the schedule (Appendix C, Alg. 3).

    Half of the steps draft, alpha is held at alpha(t_on) until a share t_off of the steps is left.
    """

    t_on: float = knob(0.25, 0, 1, symbol="t_on", help="The schedule's time that is held: alpha stays at alpha(t_on).")
    t_off: float = knob(0.125, 0, 1, symbol="t_off", help="The share of steps left when the loop ends.")

    def nodes(self, n: int, schedule: Schedule) -> tuple[Node, ...]:
        """n / 2 draft steps, held until step floor((1 - t_off) n), then to 0."""
        draft, end = max(1, n // 2), max(1, n // 2, floor((1 - self.t_off) * n + 1e-9))
        late = n - end
        first = [Node(1 - (1 - self.t_on) * i / draft, DRAFT) for i in range(draft)]
        loop = [Node(self.t_on, LOOP) for _ in range(draft, end)]
        return (
            *first,
            *loop,
            *(Node(self.t_on * (late - i) / late if late else self.t_on, COMPLETE) for i in range(late + 1)),
        )


@dataclass(frozen=True)
class Capped:
    """Steps short enough that a corrector of strength beta stays a probability: DFM's adaptive step.

    dt = min(1/n, 1 / (a / t + b / (1 - t))) with a = 1 + beta, b = beta (Gat et al. 2024, and the reference's code),
    for alpha = 1 - t. It takes more than n steps when n is small.
    """

    beta: Callable[[float], float]

    def nodes(self, n: int, schedule: Schedule) -> tuple[Node, ...]:
        """From 1 down while t exceeds one plain step; what is still masked then is left to the final fill.

        Raises:
            ValueError: for a schedule other than the linear one, for which the bound does not hold.
        """
        if schedule != Linear():
            name = next((name for name, each in SCHEDULES.items() if each == schedule), repr(schedule))
            raise ValueError(f"plan capped needs the linear schedule, got {name}")
        times = [1.0]
        while times[-1] > (1 - 1e-5) / n:
            t = times[-1]
            beta = self.beta(t)
            longest = 1 / n if t == 1.0 else 1 / ((1 + beta) / t + beta / (1 - t))
            times.append(max(0.0, t - min(1 / n, longest)))
        return tuple(map(Node, times))


@dataclass(frozen=True)
class Draft(Checked):
    """LLaDA's loop: 7/16 of the steps draft 7/8 of the tokens, half of them revise, 1/16 complete.

    28 + 32 + 4 of 64 steps for 32 tokens, as published (arXiv 2503.00307, Appendix D.4); alpha_on is 7/8.
    """

    alpha_on: float = knob(0.875, 0.01, 0.99, symbol="α(t_on)", help="The share of tokens decoded while the loop runs.")

    def nodes(self, n: int, schedule: Schedule) -> tuple[Node, ...]:
        """alpha rises evenly, stands still, and rises evenly again."""
        late = max(1, round((1 - self.alpha_on) * n / 2))
        draft = max(1, round(self.alpha_on * n / 2)) if n > 1 else 0
        loop = max(0, n - draft - late)
        held = schedule.time(self.alpha_on)
        first = [Node(schedule.time(self.alpha_on * i / draft), DRAFT) for i in range(draft)]
        last = [
            Node(schedule.time(_bound(1 - (1 - self.alpha_on) * (late - i) / late)), COMPLETE)
            for i in range(1, late + 1)
        ]
        if not draft:
            return (Node(1.0, COMPLETE), Node(0.0, COMPLETE))
        return (*first, *(Node(held, LOOP) for _ in range(loop)), Node(held, COMPLETE), *last)


def _bound(alpha: float) -> float:
    """Rounding may leave [0, 1] by an ulp."""
    return min(1.0, max(0.0, alpha))
