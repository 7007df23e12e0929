"""Lays what the sentences tell along a plot: which plot it is, what comes at the wrong place, what is missing.

A plot is a graph: a node for each event of each chain of its steps, an edge to every node that may come next. The
told events should be a walk through it. Sentences that cannot be read may stand for any number of events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from remdm.domains.text.checker.reading import Piece
from remdm.domains.text.storyworld.plots import Plot
from remdm.domains.text.storyworld.worlds import LONG, STORIES, World

# What a walk pays for: a sentence of another place, a sentence with mistakes taken for unreadable, an event left out.
_STRAY, _UNREAD, _LEFT_OUT, _FIFTH = 1.0, 0.5, 0.3, 0.02
_TRIED = 3


@dataclass(frozen=True)
class Graph:
    """`events` by node; `ways[a][b]` are the nodes of the shortest way from a to b, None where there is none.

    Node 0 is the beginning of the story, the last one its end.
    """

    plot: Plot
    events: tuple[str, ...]
    ways: tuple[tuple[tuple[int, ...] | None, ...], ...]

    def nodes(self, event: str) -> list[int]:
        return [node for node, name in enumerate(self.events) if name == event]


@dataclass(frozen=True)
class Walk:
    """The way of a story along a plot.

    `placed`: piece -> (node, fit); `strays`: pieces at a wrong place; `gaps`: (piece, the events missing before it),
    where the number of pieces stands for the end of the story.
    """

    world: World
    graph: Graph
    cost: float
    placed: dict[int, tuple[int, int]]
    strays: tuple[int, ...]
    gaps: tuple[tuple[int, tuple[str, ...]], ...]

    @property
    def sure(self) -> bool:
        """Whether its sentences tell what only this plot has: one of them in a single chapter, all in two."""
        known = own_events(self.world)
        events = [set(known[self.graph.events[node]]) for node, _ in self.placed.values()]
        alone = any(len(plots) == 1 for plots in events)
        return alone or self.world is LONG and bool(events) and len(set.intersection(*events)) == 1


def _graph(plot: Plot) -> Graph:
    events, open_ends = [""], [0]
    edges: dict[int, list[int]] = {}
    for step in plot.steps:
        ends = []
        for chain in step:
            before = list(open_ends)
            for event in chain:
                events.append(event)
                for node in before:
                    edges.setdefault(node, []).append(len(events) - 1)
                before = [len(events) - 1]
            ends += before
        open_ends = list(dict.fromkeys(ends))
    events.append("")
    for node in open_ends:
        edges.setdefault(node, []).append(len(events) - 1)
    ways: list[list[tuple[int, ...] | None]] = [[None] * len(events) for _ in events]
    for a in reversed(range(len(events))):
        for b in range(a + 1, len(events)):
            ahead = [(c, way) for c in edges.get(a, ()) if (way := () if c == b else ways[c][b]) is not None]
            ways[a][b] = min((() if c == b else (c, *way) for c, way in ahead), key=len, default=None)
    return Graph(plot, tuple(events), tuple(map(tuple, ways)))


@cache
def graphs(world: World = STORIES) -> tuple[Graph, ...]:
    return tuple(map(_graph, world.plots))


@cache
def own_events(world: World) -> dict[str, tuple[str, ...]]:
    """The plots that tell an event, for each event."""
    found: dict[str, list[str]] = {}
    for graph in graphs(world):
        for event in dict.fromkeys(graph.events):
            found.setdefault(event, []).append(graph.plot.name)
    return {event: tuple(plots) for event, plots in found.items()}


def _walk(world: World, graph: Graph, pieces: Sequence[Piece], complete: bool) -> Walk:
    """The cheapest walk, by dynamic programming over (piece, node)."""
    skipped, unread = [0.0], [0]
    for piece in pieces:
        skipped.append(skipped[-1] + (_STRAY if piece.parsed else _UNREAD if piece.fits else 0.0))
        unread.append(unread[-1] + (not piece.parsed))
    end = len(graph.events) - 1
    # (piece, node, fit, cost, state before)
    states: list[tuple[int, int, int, float, int]] = [(-1, 0, 0, 0.0, -1)]

    def reach(piece: int, node: int, fit: int, price: float) -> None:
        best = None
        for number, (before, from_node, _, cost, _) in enumerate(states):
            way = graph.ways[from_node][node]
            if before >= piece or way is None:
                continue
            cost += price + skipped[piece] - skipped[before + 1]
            if complete and unread[piece] == unread[before + 1]:
                cost += _LEFT_OUT * len(way)
            if best is None or cost < best[0]:
                best = cost, number
        if best is not None:
            states.append((piece, node, fit, *best))

    for place, piece in enumerate(pieces):
        for fit, laid in enumerate(piece.fits):
            for node in graph.nodes(laid.sentence.event):
                reach(place, node, fit, laid.cost * _FIFTH)
    reach(len(pieces), end, 0, 0.0)
    return _traced(world, graph, pieces, states, complete, unread)


def _traced(
    world: World, graph: Graph, pieces: Sequence[Piece], states: list, complete: bool, unread: list[int]
) -> Walk:
    piece, node, _, cost, before = states[-1]
    placed: dict[int, tuple[int, int]] = {}
    gaps = []
    while before >= 0:
        earlier, from_node, fit, _, number = states[before]
        way = graph.ways[from_node][node]
        if complete and way and unread[piece] == unread[earlier + 1]:
            gaps.append((piece, tuple(graph.events[n] for n in way)))
        if earlier >= 0:
            placed[earlier] = (from_node, fit)
        piece, node, before = earlier, from_node, number
    strays = tuple(place for place, p in enumerate(pieces) if p.parsed and place not in placed)
    moved = {pieces[place].fits[0].sentence.event for place in strays}
    left = ((place, tuple(event for event in events if event not in moved)) for place, events in reversed(gaps))
    return Walk(world, graph, cost, placed, strays, tuple(gap for gap in left if gap[1]))


def follow(pieces: Sequence[Piece], complete: bool, world: World) -> Walk:
    """The walk along the plot that fits the pieces best; events may be missing only in a complete story."""
    votes = dict.fromkeys((graph.plot.name for graph in graphs(world)), 0.0)
    for piece in pieces:
        for laid in piece.fits:
            plots = own_events(world)[laid.sentence.event]
            for plot in plots:
                votes[plot] += (1.0 if piece.parsed else 0.5) / len(plots)
    ranked = sorted(graphs(world), key=lambda graph: -votes[graph.plot.name])
    return min((_walk(world, graph, pieces, complete) for graph in ranked[:_TRIED]), key=lambda walk: walk.cost)
