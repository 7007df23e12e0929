"""What the benchmark is measured against, and what its rows say of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from remdm.studies.bench.rows import Row

OWT = "owt-1024"
RATIOS = {"bfloat16": 8.0, "float32": 5.0}
"""How many times as fast as the literal step the OWT step has to be, by the type that the machine is quick in."""
SOON = 300.0
"""Milliseconds from the click in which a step should be on the page."""
PAINT = 1000.0
"""Milliseconds from the call of the address in which the browser should have painted something."""
LONG = 20.0
"""Milliseconds: in a shorter step the network's share is not asked for."""
SHARE, RATE, COLD = 0.1, 60.0, 4.0
HELP, FIRST_STEP = 500.0, 2500.0
"""Milliseconds that the command may take to print its help, and to make a run of one step, imports included."""
SMALL, BUSY, BATCHED, MEMORY = 1.3, 1.3, 5.0, 900
"""Times as fast as the literal step; the time next to a busy process by that alone; times as fast as one by one; MB."""
AUTHORS, FLOOR = 15.0, 1.25
"""Of the OWT step, the authors' own one's time; its time by that of its matrix products alone."""
KEEPS_UP, STILL, REPAIR, CONTROLS = 0.85, 0.1, 20.0, 14
MET, MISSED, UNKNOWN = "met", "not met", "not measured"


@dataclass(frozen=True)
class Verdict:
    """A target in words, what was measured, and whether that meets it."""

    target: str
    measured: str
    state: str


def _named(name: str, geometry: str = "", column: str = "name") -> Callable[[Sequence[Row]], list[Row]]:
    """The rows of a name that have a column, those of one geometry if it is given."""
    fits = lambda each: each["name"] == name and each["geometry"] == (geometry or each["geometry"]) and column in each
    return lambda rows: list(filter(fits, rows))


def _long(rows: Sequence[Row]) -> list[Row]:
    """Long steps, the one first in which what is not the network takes most."""
    long = [each for each in _named("step")(rows) if each["ours_ms"] > LONG]
    return sorted(long, key=lambda each: -each["not_network"])


def _slowest(name: str, ratio: str = "ratio") -> Callable[[Sequence[Row]], list[Row]]:
    """Those of a name that have this ratio, the one first that gains least."""
    return lambda rows: sorted(_named(name, column=ratio)(rows), key=lambda each: each[ratio])


Target = tuple[str, Callable[[Sequence[Row]], list[Row]], Callable[[Row], tuple[str, bool]]]
TARGETS: tuple[Target, ...] = (
    (
        f"OWT step at least {RATIOS['bfloat16']:g} times as fast as the literal one ({RATIOS['float32']:g} in float32)",
        _named("step", OWT),
        lambda row: (
            f"{row['ratio']:.1f} times, {row['dtype']}", row["ratio"] >= RATIOS.get(row["dtype"], RATIOS["float32"])
        ),
    ),
    (
        f"Less than {SHARE:.0%} of a step besides the network, where a step takes more than {LONG:g} ms",
        _long,
        lambda row: (f"at most {row['not_network']:.1%}, in {row['geometry']}", row["not_network"] < SHARE),
    ),
    (
        f"First step on the page within {SOON:g} ms of the click, the model being loaded",
        _named("click"),
        lambda row: (f"{row['ours_ms']:.0f} ms", row["ours_ms"] <= SOON),
    ),
    (
        f"{RATE:g} steps a second while scrubbing 256 tokens x 512 steps",
        _named("scrub"),
        lambda row: (
            f"{row['frames_per_second']:.0f} a second, {row['late_frames']} of 512 late",
            row["frames_per_second"] >= 0.98 * RATE,  # a screen of 60 Hz has a little less
        ),
    ),
    (
        f"Steps a second on the page at least {KEEPS_UP:g} of the sampler's alone",
        _named("page"),
        lambda row: (f"{row['ratio']:.2f}", row["ratio"] >= KEEPS_UP),
    ),
    (
        f"A newcomer sees a repair within {REPAIR:g} s without a click, the page still (layout shift < {STILL:g}), and "
        f"at most {CONTROLS} controls",
        _named("arrival"),
        lambda row: (
            f"{row['repair_s']:.1f} s, {row['layout_shift']:.3f}, {row['controls']}",
            row["repair_s"] < REPAIR and row["layout_shift"] < STILL and row["controls"] <= CONTROLS,
        ),
    ),
    (
        f"app.py to a usable page in less than {COLD:g} s",
        _named("page"),
        lambda row: (f"{row['cold_start_s']:.1f} s", row["cold_start_s"] < COLD),
    ),
    (
        f"The page with a model of each domain loaded below {MEMORY} MB",
        _named("page", column="memory_all_mb"),
        lambda row: (f"{row['memory_all_mb']} MB", row["memory_all_mb"] < MEMORY),
    ),
    (
        f"No geometry's step less than {SMALL:g} times as fast as the literal one",
        _slowest("step"),
        lambda row: (f"at least {row['ratio']:.2f} times, in {row['geometry']}", row["ratio"] >= SMALL),
    ),
    (
        f"remdm --help in less than {HELP:g} ms",
        _named("start", "--help"),
        lambda row: (f"{row['ours_ms']:.0f} ms", row["ours_ms"] < HELP),
    ),
    (
        f"remdm sample text to its first step in less than {FIRST_STEP:g} ms",
        _named("start", "sample text"),
        lambda row: (f"{row['ours_ms']:.0f} ms", row["ours_ms"] < FIRST_STEP),
    ),
    (
        f"A busy process next to the command costs it at most {BUSY:g} times its time alone",
        _named("neighbour"),
        lambda row: (f"{1 / row['ratio']:.2f} times", 1 / row["ratio"] <= BUSY),
    ),
    (
        f"A run of a batch of the command line at least {BATCHED:g} times as fast as one by one",
        _slowest("batch"),
        lambda row: (f"at least {row['ratio']:.1f} times, for {row['geometry']}", row["ratio"] >= BATCHED),
    ),
    (
        f"OWT step at most {FLOOR:g} times what its matrix products take at this machine's rate",
        _named("step", OWT, "of_floor"),
        lambda row: (f"{row['of_floor']:.2f} times, {row['dtype']}", row["of_floor"] <= FLOOR),
    ),
)  # fmt: skip
"""A target in words, the rows that tell of it, the first of which counts, and what that says: (measured, met)."""

OPTIONAL: tuple[Target, ...] = (
    (
        f"OWT step at least {AUTHORS:g} times as fast as the authors' own",
        _named("step", OWT, "reference_ratio"),
        lambda row: (f"{row['reference_ratio']:.1f} times, {row['dtype']}", row["reference_ratio"] >= AUTHORS),
    ),
    (
        f"No small geometry's step with OpenVINO less than {SMALL:g} times as fast as the literal one",
        _slowest("step", "openvino_ratio"),
        lambda row: (
            f"at least {row['openvino_ratio']:.2f} times, in {row['geometry']}", row["openvino_ratio"] >= SMALL
        ),
    ),
)  # fmt: skip
"""Only where they were measured: the one takes a clone of their code, the other a package."""


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Every target with what the rows say of it."""
    made = []
    for words, chosen, judged in (*TARGETS, *(each for each in OPTIONAL if each[1](rows))):
        measured, met = next(map(judged, chosen(rows)), ("", None))
        made.append(Verdict(words, measured, UNKNOWN if met is None else MET if met else MISSED))
    return made
