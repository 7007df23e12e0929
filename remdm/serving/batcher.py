"""Many visitors on one model: runs that need the network at the same time share its forward.

A step of any sampler is one forward of a fixed length, so runs can meet at every step and part again. Each run stays
an ordinary generator with its own seeds, in whatever thread asks for its next step; what it does not see is that the
network it calls is a `Seat` at a `Batcher`. The vocabulary's product and all draws are made by each run alone, so a
run's records do not depend on its company: to the last bit in bfloat16, and in float32 too unless a network has a
product with a single column (`Recall` with one head), whose sums the library orders by the size of the batch.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from weakref import WeakValueDictionary, ref

import torch
from torch import Tensor

from remdm.models.network import Network, NetworkDenoiser
from remdm.models.threads import fitting
from remdm.runs.record import PreparedRun
from remdm.sampling.transfer import at_once

POSITIONS = 1024
"""Positions of a shared forward, 8 sequences of 128: more would make it slow for all and hardly cheaper for each."""
PATIENCE = 0.05
"""Seconds that a forward is held back for runs that will be there soon, at most; never longer than it takes itself."""
VISITORS = 16
"""How many runs share a model; later ones wait until one of them has ended."""


@dataclass(eq=False)
class _Ask:
    """What one run waits for: its tokens and wanted rows `[b, L]`, how many sequences are taken up, how many done."""

    seat: "Seat"
    tokens: Tensor
    rows: Tensor
    taken: int = 0
    finished: int = 0
    made: list[Tensor] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def done(self) -> bool:
        return self.error is not None or self.finished == len(self.tokens)


class Batcher:
    """A network whose forwards are shared by the threads that wait for one.

    There is no thread of its own: of those that wait, one computes for all. Alone, a run finds nobody and goes ahead
    at once. Sequences are taken in turn, one of each run, up to `positions`; a run of many sequences goes on in the
    next forwards, so it cannot hold up the others. An error reaches every run whose sequences were in that forward.
    """

    def __init__(self, network: Network, positions: int | None = None) -> None:
        """`positions` of a shared forward; without it what suits the network's device."""
        weight = next(network.parameters(), None)
        self.network = network
        self.positions = positions or (POSITIONS if weight is None else at_once(POSITIONS, weight.device))
        self.forwards = 0
        self._changed = threading.Condition()
        self._waiting: deque[_Ask] = deque()
        self._busy = False
        self._took = 0.0
        self._lately: deque[tuple[ref[Seat], ...]] = deque(maxlen=2)

    def seat(self) -> "Seat":
        """A place for one run."""
        return Seat(self)

    def hidden_at(self, seat: "Seat", tokens: Tensor, rows: Tensor) -> Tensor:
        """What the head reads at wanted rows of ids `[b, L]`, `[n, D]`, made together with whatever else waits."""
        ask = _Ask(seat, tokens, rows)
        with self._changed:
            seat.away = time.monotonic() - seat.left
            self._waiting.append(ask)
            self._changed.notify_all()
            while not ask.done:
                if self._busy:
                    self._changed.wait()
                else:
                    self._lead()
            seat.left = time.monotonic()
        if ask.error is not None:
            raise ask.error
        return ask.made[0] if len(ask.made) == 1 else torch.cat(ask.made)

    def _lead(self) -> None:
        """Compute for those who wait. Called and left with the lock held; without it in between."""
        self._busy = True
        self._gather()
        turn = self._turn()
        self._changed.release()
        begun = time.monotonic()
        made, error = None, None
        try:
            tokens = torch.cat([ask.tokens[first:last] for ask, first, last in turn])
            rows = [ask.rows[first:last] for ask, first, last in turn]
            with fitting(self.network, tokens):
                made = self.network.hidden_at(tokens, torch.cat(rows)).split([int(each.sum()) for each in rows])
        except BaseException as raised:  # it is raised again in every run that it concerns
            error = raised
        finally:
            self._changed.acquire()
            self._took = time.monotonic() - begun
            self._busy = False
            self.forwards += 1
            self._lately.append(tuple(ref(ask.seat) for ask, _, _ in turn))
            self._hand_out(turn, made, error)
            self._changed.notify_all()

    def _hand_out(self, turn: "list[_Part]", made: tuple[Tensor, ...] | None, error: BaseException | None) -> None:
        for place, (ask, first, last) in enumerate(turn):
            if made is None:
                ask.error = error
            else:
                ask.made.append(made[place])
                ask.finished += last - first
        self._waiting = deque(ask for ask in self._waiting if ask.error is None)

    def _gather(self) -> None:
        """Wait for those who were there lately and are soon back, but not long: they may have gone for good."""
        patience = min(PATIENCE, self._took)
        until = time.monotonic() + patience
        while (left := until - time.monotonic()) > 0:
            here = {ask.seat for ask in self._waiting}
            room = self.positions - sum(ask.tokens[ask.taken :].numel() for ask in self._waiting)
            lately = (seat() for seats in self._lately for seat in seats)
            absent = any(seat.away <= patience for seat in lately if seat is not None and seat not in here)
            if not absent or room <= 0:
                return
            self._changed.wait(left)

    def _turn(self) -> "list[_Part]":
        """Who is in the next forward, with which sequences: those of one length with the run that waits longest."""
        length = self._waiting[0].tokens.shape[1]
        fitting = [ask for ask in self._waiting if ask.tokens.shape[1] == length]
        shares = dict.fromkeys(fitting, 0)
        room = max(1, self.positions // length)
        while hungry := [ask for ask in fitting if ask.taken + shares[ask] < len(ask.tokens)][:room]:
            for ask in hungry:
                shares[ask] += 1
            room -= len(hungry)
        turn = []
        for ask, share in shares.items():
            if share:
                turn.append((ask, ask.taken, ask.taken + share))
                ask.taken += share
                self._waiting.remove(ask)
                if ask.taken < len(ask.tokens):
                    self._waiting.append(ask)  # behind all others
        return turn


_Part = tuple[_Ask, int, int]
"""Sequences `first` to `last` of an ask."""


class Seat(Network):
    """One run's place: a network like any other, whose `hidden_at` is shared with the other seats.

    `left` is when it was last given what it asked for, `away` how long it then took to ask again, in seconds.
    """

    def __init__(self, batcher: Batcher) -> None:
        super().__init__()
        self.network, self.batcher = batcher.network, batcher
        self.left, self.away = -float("inf"), float("inf")

    def hidden_at(self, tokens: Tensor, rows: Tensor) -> Tensor:
        """`[b, L]` ids to the wanted rows of them, `[n, D]`, in company."""
        return self.batcher.hidden_at(self, tokens, rows)

    def head(self, hidden: Tensor) -> Tensor:
        """`[n, D]` to logits `[n, V]`, alone: so many rows as without company, so the same numbers."""
        return self.network.head(hidden)


_OPEN: "WeakValueDictionary[int, Batcher]" = WeakValueDictionary()
_LOCK = threading.Lock()


def batcher(network: Network) -> Batcher:
    """The one batcher of a network, as long as a run uses it."""
    with _LOCK:
        found = _OPEN.get(id(network))
        if found is None:
            found = _OPEN[id(network)] = Batcher(network)
        return found


def shared(run: PreparedRun) -> PreparedRun:
    """The same run at a seat of its model; as it is where the model is not a plain network with a head."""
    denoiser = run.checkpoint.denoiser
    if type(denoiser) is not NetworkDenoiser:
        return run
    seat = batcher(denoiser.network).seat()
    return replace(run, checkpoint=replace(run.checkpoint, denoiser=replace(denoiser, network=seat)))
