"""What a visitor has to find at a station, read from the recorded runs; the browser compares it with what is shown."""

from collections.abc import Mapping, Sequence
from typing import Any

from remdm.app.samples import Sample
from remdm.evaluation.judging import ASKED, DOUBTED

LASTING = 4
"""Steps that an error must stand before its end counts as a repair: what is shorter may only have been hidden."""
SLACK = (1, 3)
"""Steps before and after a repair at which it still can be seen."""
FEW = 1.0
"""Errors a story that the third station asks for at most."""

Check = dict[str, Any]
"""`kind` (token, step, point or live), `answers` (what is right, each with its sentence), `otherwise` (a sentence)."""


def repairs(sample: Sample) -> list[tuple[int, int, int]]:
    """Errors that stood for a while and then were gone to the end: (born, gone, a blamed position), in steps."""
    found: list[tuple[int, int, int]] = []
    since: dict[tuple[str, tuple[int, ...]], int] = {}
    steps = sample.issues or ()
    for step, issues in enumerate([*steps, ()], 1):
        here = {(issue.kind, issue.positions) for issue in issues}
        for key, born in list(since.items()):
            if key not in here:
                gone = step <= len(steps) and not any(key[1] == each.positions for each in steps[-1])
                if gone and step - born >= LASTING:
                    found.append((born, step, key[1][0]))
                del since[key]
        for key in here:
            since.setdefault(key, step)
    return sorted(found)


def word(sample: Sample, position: int) -> str:
    """What stands at a position at the end."""
    return sample.trace.words.get(sample.trace.final[position], "").strip()


def written(sample: Sample, position: int) -> tuple[int, int]:
    """The step in which a word that stands at the end was written, and how many words that step wrote."""
    for step in range(len(sample.trace.steps), 0, -1):
        decoded = [place for place, *_ in sample.trace.steps[step - 1].decoded]
        if position in decoded:
            return step, len(decoded)
    raise ValueError(f"position {position} was never decoded")


def errors_at_the_end(sample: Sample) -> Check:
    """A word that the checker blames at the end, with the step in which it was written among others."""
    answers = []
    for issue in (sample.issues or ((),))[-1]:
        for position in issue.positions:
            step, together = written(sample, position)
            text = (
                f"“{word(sample, position)}” was written at step {step} together with {together - 1} other words; "
                f"none of them saw the others. The checker says: {issue.message}."
            )
            answers.append({"lane": 0, "positions": [position], "sentence": text})
    return {"kind": "token", "answers": answers, "otherwise": "That word is right. Errors have a wavy line."}


def moments_of_repair(sample: Sample, other: Sample) -> Check:
    """A step at which the second lane takes an error back."""
    left = other.errors_left or 0
    answers = [
        {
            "steps": [gone - SLACK[0], gone + SLACK[1]],
            "sentence": f"Here it is: an error of step {born} is gone at step {gone}. The left text still has {left} "
            f"error{'' if left == 1 else 's'} at the end: what is written there can never change.",
        }
        for born, gone, _ in repairs(sample)
    ]
    return {"kind": "step", "answers": answers, "otherwise": "Not yet: look for a green mark under the slider."}


def cheapest(points: Sequence[Mapping[str, Any]]) -> Check:
    """The measured point with few errors for the fewest network evaluations."""
    able = [place for place, each in enumerate(points) if each["errors"] < FEW]
    best = min(able, key=lambda place: points[place]["nfe"])
    chosen = points[best]
    text = (
        f"Right: {chosen['errors']:.2f} errors a story for {chosen['nfe']:.0f} network evaluations. "
        "Without remasking more steps soon buy nothing: the lowest line ends where every word has been written."
    )
    otherwise = "Another point is below the line for less."
    return {"kind": "point", "answers": [{"points": [best], "sentence": text}], "otherwise": otherwise}


def doubted_errors(visible: Sample, hidden: Sample) -> Check:
    """A wrong word that the network doubts as soon as it is hidden."""
    final = hidden.trace
    blamed = {place for issue in (hidden.issues or ((),))[-1] for place in issue.positions}
    asked = {place for each in final.steps if each.phase == ASKED for place in each.remasked}
    answers = []
    for place in sorted(blamed & asked):
        seen, unseen = (each.trace.steps[-1].confidence[place] / 255 for each in (visible, hidden))
        if unseen < DOUBTED:
            text = (
                f"“{word(hidden, place)}”: in view the network gives it {seen:.2f}, hidden only {unseen:.2f}. "
                "So it has to be hidden, and that is what remasking does."
            )
            answers.append({"lane": 1, "positions": [place], "sentence": text})
    otherwise = "The network thinks well of this one. Look on the right, for a dark word with a wavy line."
    return {"kind": "token", "answers": answers, "otherwise": otherwise}
