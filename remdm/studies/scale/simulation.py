"""A discrete-event model of a deployment: how many replicas so many visitors need.

A visitor presses Run, watches the run to its end, thinks, and presses again. A run goes to the replica with the fewest
runs; a replica makes so many at once, and later ones wait at it in line. The runs of a replica advance together: with n
of them each takes a step every n c(n) seconds, where c(n) is the measured time of a step per run. So a replica has a
clock of its own that counts steps, and a run's first and last steps are times on that clock.
"""

import heapq
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count, pairwise

WITHIN, SHARE = 1.0, 0.95
"""So many seconds after the click the first step is shown to so large a share of the visitors."""


@dataclass(frozen=True)
class Replica:
    """What one can do.

    Attributes:
        name: of the machine that it runs on.
        seconds: c(n), the seconds that a step takes per run, by how many share the replica.
        visitors: runs at once.
        price: an hour of it, in dollars.
        travel: seconds between page and replica, both ways together.
    """

    name: str
    seconds: Mapping[int, float]
    visitors: int
    price: float
    travel: float = 0.005

    def period(self, runs: int) -> float:
        """Seconds in which each of so many runs takes a step; between the measured numbers a straight line."""
        known = sorted(self.seconds)
        if runs <= known[0]:
            return runs * self.seconds[known[0]]
        for low, high in pairwise(known):
            if runs <= high:
                part = (runs - low) / (high - low)
                return runs * ((1 - part) * self.seconds[low] + part * self.seconds[high])
        return runs * self.seconds[known[-1]]


@dataclass(frozen=True)
class Crowd:
    """Who comes.

    Attributes:
        visitors: how many.
        steps: of a run.
        think: seconds between a run's end and the next click, on average (exponential).
        arrive: seconds over which the first clicks are spread; 0: as if all had been there for long.
        seconds: how long they are watched.
    """

    visitors: int
    steps: int = 64
    think: float = 30.0
    arrive: float = 0.0
    seconds: float = 180.0


@dataclass
class _State:
    """A replica under way: its clock in steps and when it was read, who runs and who waits, how often it changed."""

    clock: float = 0.0
    read: float = 0.0
    running: int = 0
    changes: int = 0
    waiting: deque[float] = field(default_factory=deque)
    due: list[tuple[float, int, float | None]] = field(default_factory=list)
    """(time on its clock, number, when it was clicked: a first step; None: an end)."""

    @property
    def load(self) -> int:
        return self.running + len(self.waiting)


class Simulation:
    """A deployment and its visitors; `first_steps` are the seconds from click to first step."""

    def __init__(self, replica: Replica, replicas: int, crowd: Crowd, seed: int = 0) -> None:
        self.replica, self.crowd = replica, crowd
        self.first_steps: list[float] = []
        self._states = [_State() for _ in range(replicas)]
        self._least = [(0, place) for place in range(replicas)]
        self._events: list[tuple[float, int, int, int]] = []  # (time, number, replica or -1 for a click, its changes)
        self._numbers, self._random = count(), random.Random(seed)
        for _ in range(crowd.visitors):
            spread = crowd.arrive or crowd.think + crowd.steps * replica.period(1)
            self._click(self._random.random() * spread)

    def run(self) -> "Simulation":
        """To the end of the time; whoever has no first step by then has waited so long at least."""
        while self._events and self._events[0][0] <= self.crowd.seconds:
            now, _, place, changes = heapq.heappop(self._events)
            if place < 0:
                self._arrive(now)
            elif changes == self._states[place].changes:
                self._advance(place, now)
        for state in self._states:
            unseen = [*state.waiting, *(clicked for _, _, clicked in state.due if clicked is not None)]
            self.first_steps += [self.crowd.seconds - clicked for clicked in unseen]
        return self

    def quantile(self, share: float = SHARE) -> float:
        """Seconds within which so large a share of the clicks had their first step."""
        known = sorted(self.first_steps)
        return known[min(len(known) - 1, int(share * len(known)))] if known else 0.0

    def _click(self, at: float) -> None:
        heapq.heappush(self._events, (at, next(self._numbers), -1, 0))

    def _arrive(self, now: float) -> None:
        while self._least[0][0] != self._states[self._least[0][1]].load:  # it has changed since
            load, place = heapq.heappop(self._least)
        place = self._least[0][1]
        state = self._states[place]
        self._tick(state, now)
        state.waiting.append(now)
        self._begin(place, now)

    def _tick(self, state: _State, now: float) -> None:
        if state.running:
            state.clock += (now - state.read) / self.replica.period(state.running)
        state.read = now

    def _begin(self, place: int, now: float) -> None:
        """Whoever waits and finds room begins; the replica's next event is set."""
        state = self._states[place]
        while state.waiting and state.running < self.replica.visitors:
            clicked = state.waiting.popleft()
            state.running += 1
            heapq.heappush(state.due, (state.clock + 1, next(self._numbers), clicked))
            heapq.heappush(state.due, (state.clock + self.crowd.steps, next(self._numbers), None))
        state.changes += 1
        heapq.heappush(self._least, (state.load, place))
        if state.due:
            left = max(0.0, state.due[0][0] - state.clock) * self.replica.period(state.running)
            heapq.heappush(self._events, (now + left, next(self._numbers), place, state.changes))

    def _advance(self, place: int, now: float) -> None:
        """What is due on the replica's clock happens."""
        state = self._states[place]
        self._tick(state, now)
        while state.due and state.due[0][0] <= state.clock + 1e-9:
            _, _, clicked = heapq.heappop(state.due)
            if clicked is not None:
                self.first_steps.append(now - clicked + self.replica.travel)
            else:
                state.running -= 1
                self._click(now + self._random.expovariate(1 / self.crowd.think))
        self._begin(place, now)


def needed(replica: Replica, crowd: Crowd, seed: int = 0) -> tuple[int, float]:
    """The fewest replicas with which the first step is there within WITHIN for SHARE of the clicks, and that quantile.

    Raises:
        ValueError: if a step of one run alone takes longer than that.
    """
    if replica.period(1) + replica.travel > WITHIN:
        raise ValueError(f"A step takes {replica.period(1):.2f} s on {replica.name}: no number of replicas would do.")

    def quantile(replicas: int) -> float:
        return Simulation(replica, replicas, crowd, seed).run().quantile()

    best = max(1, round(crowd.visitors * crowd.steps * min(replica.seconds.values()) / crowd.think))  # all are busy
    found = quantile(best)
    while found > WITHIN:
        best = best + max(1, best // 4)
        found = quantile(best)
    low = 0
    while best - low > 1:  # in steps of a quarter, then by halves
        middle = max(best - max(1, best // 4), (low + best) // 2)
        if (here := quantile(middle)) <= WITHIN:
            best, found = middle, here
        else:
            low = middle
    return best, found
