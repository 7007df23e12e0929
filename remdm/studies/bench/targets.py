"""What the benchmark is measured against, and what its rows say of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from remdm.studies.bench.browser import SOON
from remdm.studies.bench.rows import Row

OWT = "owt-1024"
RATIOS = {"bfloat16": 8.0, "float32": 5.0}
"""How many times as fast as the literal step the OWT step has to be, by the type that the machine is quick in."""
LONG = 20.0
"""Milliseconds: in a shorter step the network's share is not asked for."""
SHARE, RATE, COLD = 0.1, 60.0, 6.0
MET, MISSED, UNKNOWN = "met", "not met", "not measured"


@dataclass(frozen=True)
class Verdict:
    """A target in words, what was measured, and whether that meets it."""

    target: str
    measured: str
    state: str


def _of(rows: Sequence[Row], name: str, *geometries: str) -> list[Row]:
    return [each for each in rows if each["name"] == name and each["geometry"] in (geometries or (each["geometry"],))]


def _verdict(target: str, measured: str, met: bool) -> Verdict:
    return Verdict(target, measured, MET if met else MISSED)


def step(rows: Sequence[Row]) -> Verdict:
    """The OWT step against the literal one."""
    high, low = RATIOS["bfloat16"], RATIOS["float32"]
    wanted = f"OWT step at least {high:g} times as fast as the literal one ({low:g} in float32)"
    for each in _of(rows, "step", OWT):
        bound = RATIOS.get(each["dtype"], low)
        return _verdict(wanted, f"{each['ratio']:.1f} times, {each['dtype']}", each["ratio"] >= bound)
    return Verdict(wanted, "", UNKNOWN)


def share(rows: Sequence[Row]) -> Verdict:
    """What a step takes besides the network, in the geometry where it is most."""
    wanted = f"Less than {SHARE:.0%} of a step besides the network, where a step takes more than {LONG:g} ms"
    long = [each for each in _of(rows, "step") if each["ours_ms"] > LONG]
    if not long:
        return Verdict(wanted, "", UNKNOWN)
    most = max(long, key=lambda each: each["not_network"])
    return _verdict(wanted, f"at most {most['not_network']:.1%}, in {most['geometry']}", most["not_network"] < SHARE)


def soon(rows: Sequence[Row]) -> Verdict:
    """From the click to the first step drawn."""
    wanted = f"First step on the page within {SOON:g} ms of the click, the model being loaded"
    for each in _of(rows, "click"):
        return _verdict(wanted, f"{each['ours_ms']:.0f} ms", each["ours_ms"] <= SOON)
    return Verdict(wanted, "", UNKNOWN)


def scrubbing(rows: Sequence[Row]) -> Verdict:
    """A step a frame."""
    wanted = f"{RATE:g} steps a second while scrubbing 256 tokens x 512 steps"
    for each in _of(rows, "scrub"):
        reached = f"{each['frames_per_second']:.0f} a second, {each['late_frames']} of 512 late"
        return _verdict(
            wanted, reached, each["frames_per_second"] >= 0.98 * RATE
        )  # a screen of 60 Hz has a little less
    return Verdict(wanted, "", UNKNOWN)


def cold(rows: Sequence[Row]) -> Verdict:
    """From the command to a page whose button answers."""
    wanted = f"app.py to a usable page in less than {COLD:g} s"
    for each in _of(rows, "page"):
        return _verdict(wanted, f"{each['cold_start_s']:.1f} s", each["cold_start_s"] < COLD)
    return Verdict(wanted, "", UNKNOWN)


TARGETS: tuple[Callable[[Sequence[Row]], Verdict], ...] = (step, share, soon, scrubbing, cold)


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Every target with what the rows say of it."""
    return [target(rows) for target in TARGETS]
