"""Settings: a sampler by name with its paper's defaults, changed where asked; and a run of them."""

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from remdm.sampling.answering import Answering
from remdm.sampling.cached import Cached
from remdm.sampling.coupled_noise import Coupled, keyed
from remdm.sampling.denoiser import Denoiser, Truncated, Truncation, Widened
from remdm.sampling.knobs import canonical, knob, knobs, one_of
from remdm.sampling.knobs import parse as parse_knobs
from remdm.sampling.noise import DTYPES, Noise, Stand
from remdm.sampling.parts import HOLDING, TABLE_HELP, TABLES, Plan, applicable, part_knobs
from remdm.sampling.presets import METHODS
from remdm.sampling.sampler import observe, sample
from remdm.sampling.schedule import SCHEDULES
from remdm.sampling.state import State, start
from remdm.sampling.time_grid import Grid, Step, in_blocks, steps
from remdm.sampling.transition import Ancestral, StepRecord, Transition

MAX_STEPS = 8192


@dataclass(frozen=True)
class Settings:
    """Everything that decides a run besides the model and its start: `values` holds the knobs of the chosen parts.

    Build it with `settings`, which fills in the paper's defaults and refuses what does not apply.
    """

    sampler: str
    steps: int
    parts: Mapping[str, str]
    values: Mapping[str, Any]
    truncation: Truncation = Truncation()
    schedule: str = "linear"
    precision: int = 64
    answering: Answering = Answering()

    def flat(self) -> dict[str, Any]:
        """One level of plain values, for files and addresses; of `answering` what is not off, or is of the preset."""
        truncation = {name: getattr(self.truncation, name) for name in knobs(Truncation)}
        plain = {"schedule": self.schedule, "precision": self.precision}
        answering = self.answering.stated(METHODS[self.sampler].defaults(self.steps).keys())
        return {**self.parts, **self.values, **truncation, **plain, **answering}

    @cached_property
    def built(self) -> tuple[Transition, tuple[Step, ...]]:
        """See `build`; not in blocks."""
        plan: Plan = self._make("plan")
        walk = steps(plan.grid, self.steps, SCHEDULES[self.schedule])
        if self.parts["transition"] != "ancestral":
            return self._make("transition"), walk
        rule = self._make("weighting", inner=self._make("rule"))
        return Ancestral(plan.when(rule)), walk

    @property
    def grid(self) -> Grid:
        """The times of a run, or of a block."""
        return self._make("plan").grid

    def _make(self, table: str, **more: Any) -> Any:
        part = TABLES[table][self.parts[table]]
        return part.make(**{name: self.values[name] for name in part.knobs}, **more)


def options() -> dict[str, Field]:
    """Everything that `settings` takes besides the sampler's name, by name: what flags, links and changes may set."""
    parts = {table: knob(None, choices=tuple(rows), help=TABLE_HELP[table]) for table, rows in TABLES.items()}
    return {
        "steps": knob(64, 1, MAX_STEPS, step=1, symbol="T", help="The number of steps."),
        **part_knobs(), **parts, **knobs(Truncation),
        **knobs(Answering),
        "schedule": knob("linear", choices=tuple(SCHEDULES), help="How fast tokens are decoded: alpha(t)."),
        "precision": knob(64, choices=tuple(DTYPES), help="Bits of the noise; 32 truncates it: less diverse samples."),
    }  # fmt: skip


def parse(texts: Mapping[str, str]) -> dict[str, Any]:
    """Texts, such as the flags of a command or the parts of a link, as keywords for `settings`.

    Raises:
        ValueError: for an unknown name, or a text of the wrong kind.
    """
    return parse_knobs(texts, options())


def settings(sampler: str, steps: int, **given: Any) -> Settings:
    """A sampler by name with its paper's defaults for this many steps, changed where asked.

    Args:
        sampler: a name of METHODS.
        steps: T, the number of steps asked for.
        given: parts (`rule`, `weighting`, `plan`, `transition`), knobs of the chosen parts (`eta`, `t_on`, ...),
            `nucleus_p`, `temperature`, `nucleus`, `schedule`, `precision`, and what `Answering` has, such as
            `block_length`. None means the default.

    Raises:
        ValueError: for an unknown name, a value out of range, or one that does not apply to the chosen parts.
    """
    one_of("sampler", sampler, METHODS)
    method, fields = METHODS[sampler], options()
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= MAX_STEPS:
        raise ValueError(f"steps must be a whole number from 1 to {MAX_STEPS}, got {steps}")
    given = {
        name: canonical(fields[name], value) if name in fields else value
        for name, value in given.items()
        if value is not None
    }
    parts = {table: given.pop(table, row) for table, row in method.parts.items()}
    schedule = given.pop("schedule", method.schedule if parts["plan"] != "capped" else "linear")
    for name, value in {**parts, "schedule": schedule}.items():
        one_of(name, value, fields[name].metadata["knob"]["choices"])
    precision = given.pop("precision", 64)
    Noise((), precision)
    defaults = dict(method.defaults(steps))
    if parts["plan"] in HOLDING:
        defaults.pop("masked_sigma", None)
    drawing, answering = (
        {name: given.pop(name, defaults.get(name, each.default)) for name, each in knobs(kind).items()}
        for kind in (Truncation, Answering)
    )
    allowed = applicable(parts)
    for name in given:
        if name not in allowed:
            raise ValueError(
                f"{name} does not apply to {sampler} with {', '.join(f'{k} {v}' for k, v in parts.items())}"
            )
    values = {name: given.get(name, defaults.get(name, each.default)) for name, each in allowed.items()}
    made = Settings(sampler, steps, parts, values, Truncation(**drawing), schedule, precision, Answering(**answering))
    build(made)  # raises for values that are out of range or do not go together
    return made


def build(chosen: Settings, free: int | None = None) -> tuple[Transition, tuple[Step, ...]]:
    """The transition and the steps of a run; made once for the same settings.

    Args:
        chosen: the settings.
        free: positions to write; with None, steps in blocks are given as if there was one block.

    Raises:
        ValueError: for values that are out of range or do not go together.
    """
    length = chosen.answering.block_length
    if not length or free is None:
        return chosen.built
    return chosen.built[0], in_blocks(chosen.grid, chosen.steps, SCHEDULES[chosen.schedule], free, length)


def largest_eta(chosen: Settings) -> float | None:
    """The eta from which on a capped loop stays the same: sigma_max while alpha is held; None where there is none."""
    parts = chosen.parts
    if parts["transition"] != "ancestral" or parts["rule"] != "cap" or parts["plan"] not in HOLDING:
        return None
    return max((step.sigma_max for step in build(chosen)[1] if step.held), default=None)


def drawn_as(own: Mapping[str, Any], sampler: str, steps: int) -> dict[str, Any]:
    """How tokens are drawn, out of a model's or a page's own settings: a sampler's paper's way where it has one."""
    papers = METHODS[sampler].defaults(steps)
    return {name: papers.get(name, own[name]) for name in (*knobs(Truncation), *knobs(Answering)) if name in own}


@dataclass
class Running:
    """A run under way: iterate it for records.

    Attributes:
        steps: its steps.
        noise: its random numbers.
        reached: how far it has come.
        forwards: NFE of each sequence so far.
    """

    records: Iterator[StepRecord]
    steps: tuple[Step, ...]
    noise: Noise
    reached: "Reached"
    _caches: tuple[Cached, ...]
    _ends: bool

    def __iter__(self) -> Iterator[StepRecord]:
        return self.records

    @property
    def forgets(self) -> bool:
        """Whether what comes next owes nothing to what is remembered, so that a run taken up here is the same.

        That is the network's last answer, which decides the NFE, and what some transitions carry from step to step.
        """
        state = self.reached.state
        if state.memory is not None:
            return False
        over = self._ends & ~state.masked.any(1)
        return bool((over | ~self._caches[0].recalls(state.tokens)).all())

    @property
    def forwards(self) -> Tensor:
        """NFE of each sequence, int64 `[B]`."""
        return sum((cache.forwards for cache in self._caches[1:]), self._caches[0].forwards)


def run(
    denoiser: Denoiser,
    chosen: Settings,
    tokens: Tensor | State,
    seeds: tuple[int, ...],
    *,
    watch: bool = True,
    first: int = 0,
    coupled: bool = False,
    stand: Stand = (),
) -> Running:
    """Start a run, or take one up.

    Args:
        denoiser: x_theta of the model, its condition bound.
        chosen: the settings.
        tokens: the start, int64 `[B, L]`: the mask's id where something is to be written, anything else is given. Or
            the state at which a run is taken up.
        seeds: one for each sequence.
        watch: whether the records say how confident the network is at every masked position (`sampler.observe`).
        first: the index of the first step taken; those before it are over.
        coupled: whether the random numbers have addresses (see coupled_noise.py) rather than come in turn.
        stand: where they go on, for a run that is taken up with numbers that come in turn (`Noise.stand`).
    """
    state = tokens if isinstance(tokens, State) else start(tokens, denoiser.mask_id)
    transition, walk = build(chosen, chosen.answering.free(state))
    asked, caches = chosen.answering.around(denoiser.unguided, state.given)
    # guidance tilts the posterior, which is built from the truncated x_theta
    x_theta = denoiser.around(Truncated(Widened(asked) if watch else asked, chosen.truncation))
    noise = (Coupled if coupled else Noise)(seeds, chosen.precision, chosen.truncation.greedy)
    if stand:
        noise.go_on(stand)
    rest = keyed(walk[first:], noise) if isinstance(noise, Coupled) else walk[first:]
    records = sample(x_theta, transition, rest, state, noise)
    watched = (observe(record, x_theta) for record in records) if watch else records
    reached = Reached(state, first)
    return Running(_following(watched, reached), walk, noise, reached, caches, transition.ends)


@dataclass
class Reached:
    """How far a run has come: the state behind its last record, and the index of the step that comes next."""

    state: State
    first: int


def _following(records: Iterator[StepRecord], reached: Reached) -> Iterator[StepRecord]:
    """The records. It knows nothing of the run, which can thus go, with all it remembers, once nobody wants it."""
    for record in records:
        reached.state, reached.first = record.after, reached.first + 1
        yield record
