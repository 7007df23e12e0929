"""The stations of the lesson: its text, which run is made, what the visitor does, and whether it was that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from remdm.app.samples import Sample
from remdm.runs.planting import SPECIAL

Seen = Mapping[str, Any]
"""What the player shows: step, selected, masked, states (of each position), phase."""
Verdict = tuple[bool, str]
FEW_STEPS = 8


@dataclass(frozen=True)
class Station:
    """One station.

    Attributes:
        title: a few words.
        text: plain words first, the symbol second.
        task: what to do, in the imperative.
        check: (what the player shows, the run in it, earlier results) -> whether that was it, and a sentence.
        sampler, steps: of its run. turned: a setting that the visitor chooses (`eta` or `steps`), with its range.
        seed: of its run.
    """

    title: str
    text: str
    task: str
    check: Callable[[Seen, Sample, dict[str, int]], Verdict]
    sampler: str = "remdm-loop"
    steps: int = 32
    seed: int = 3
    turned: tuple[str, float, float, float] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def _chosen(seen: Seen) -> int:
    return seen["selected"] if type(seen.get("selected")) is int else -1


def _errors(count: int) -> str:
    return f"{count or 'no'} error{'' if count == 1 else 's'}"


def half_masked(seen: Seen, sample: Sample, kept: dict[str, int]) -> Verdict:
    """About half of the free positions are masked at the step shown."""
    share = seen["masked"] / max(1, sample.trace.start.count(sample.trace.mask_id))
    if 0.4 <= share <= 0.6:
        return True, f"Yes: {share:.0%} are still masked here. The share that is decoded is called α (alpha)."
    return False, f"Here {share:.0%} are masked. Move the slider {'on' if share > 0.6 else 'back'}."


def an_error(seen: Seen, sample: Sample, kept: dict[str, int]) -> Verdict:
    """The chosen token is one that the checker blames at the end."""
    kept["few"] = sample.errors_left or 0
    found = [issue for issue in (sample.issues or ((),))[-1] if _chosen(seen) in issue.positions]
    if found:
        return True, f"Yes. The checker says: {found[0].message}. In this run it finds {kept['few']} such errors."
    if not kept["few"]:
        return True, "This run happens to have no error at all. That is rare with so few steps; go on."
    return False, "Choose a token with a wavy line under it, at the last step."


def where_decoded(seen: Seen, sample: Sample, kept: dict[str, int]) -> Verdict:
    """The step shown is the one in which the chosen token was decoded."""
    place, step = _chosen(seen), seen["step"]
    if place < 0:
        return False, "Choose a token first; its life appears next to the text."
    here = sample.trace.steps[step - 1].decoded if step else ()
    if any(place == position for position, _, _ in here):
        return True, f"Yes: written at step {step} of {len(sample.trace.steps)}, and nothing after it could change it."
    return False, "Not at this step. Its life says when it was decoded; press that line."


def struck_through(seen: Seen, sample: Sample, kept: dict[str, int]) -> Verdict:
    """The chosen token is being remasked at the step shown."""
    place, step = _chosen(seen), seen["step"]
    if step and place in sample.trace.steps[step - 1].remasked:
        return (
            True,
            "Yes: it goes back to the mask, and will be decided again with all the others in view.",
        )
    return False, "Find a step with a token struck through, stay there, and choose that token."


def enough_remasked(seen: Seen, sample: Sample, kept: dict[str, int]) -> Verdict:
    """The run sent back between 60 and 120 tokens."""
    count = sum(len(each.remasked) for each in sample.trace.steps)
    left = _errors(sample.errors_left or 0)
    if 60 <= count <= 120:
        return True, f"Yes: {count} were sent back, {left} left. The chance per step is called σ; η sets it."
    much = "too many" if count > 120 else "too few"
    return False, f"{count} were sent back, {left} left: {much}. Change the strength and run again."


def first_of_loop(seen: Seen, sample: Sample, kept: dict[str, int]) -> Verdict:
    """The step shown is the first of the loop."""
    phases = ["start", *(each.phase for each in sample.trace.steps)]
    step = seen["step"]
    if phases[step] == "loop" and phases[step - 1] != "loop":
        return True, f"Yes: from step {step} on, as much is decoded as is sent back, and the text is revised."
    return False, f"This step belongs to the phase “{phases[step]}”. The phase stands next to the step's number."


def least_sure(seen: Seen, sample: Sample, kept: dict[str, int]) -> Verdict:
    """The chosen token is among the tenth that the model was least sure of when it wrote them."""
    place, trace = _chosen(seen), sample.trace
    words = [trace.words.get(token, "").strip() for token in trace.final]
    given = set(trace.given)
    plain = [each for each, word in enumerate(words) if each not in given and not SPECIAL.match(word)]
    sure = trace.steps[-1].confidence
    bound = np.quantile([sure[each] for each in plain], 0.1) if plain else 255
    if place in plain and sure[place] <= bound:
        return (
            True,
            f"Yes: “{words[place]}” was written with probability {sure[place] / 255:.2f}. That number is ψ (psi).",
        )
    return False, "Pale means unsure: choose one of the palest words at the last step."


def fewer_errors(seen: Seen, sample: Sample, kept: dict[str, int]) -> Verdict:
    """At most half of the errors of the run in eight steps."""
    left, steps = sample.errors_left or 0, sample.trace.run["steps"]
    goal = kept.get("few", 12) // 2
    if left <= goal:
        return (
            True,
            f"Yes: {_errors(left)} in {steps} steps. That is inference-time scaling: more steps, better text.",
        )
    return False, f"{_errors(left)} in {steps} steps; the goal is {goal}. Spend more steps."


STATIONS = (
    Station(
        "Masks",
        "A text begins as a row of **masks**: places where nothing is decided yet. At each step a few of them are "
        "*decoded*: they get a word. (Such a mask is a place to fill. The attention mask inside a network is something "
        "else.)",
        "Press **Run**. Then drag the step slider to a moment when about half of the text is still masked.",
        half_masked, "mdlm",
    ),
    Station(
        "Many at once",
        "All words of one step are drawn at the same moment, and none of them sees the others. “She sells” and “They "
        "sell” are both right; two draws that do not know of each other also give “She sell”. The fewer the steps, the "
        "more words share one, and the more of that happens.",
        f"Press **Run**: this time in only {FEW_STEPS} steps. Then choose a word with a wavy line: an error.",
        an_error, "mdlm", FEW_STEPS,
    ),
    Station(
        "No way back",
        "This sampler (MDLM) never touches a word again once it is written. A mistake made early stays, and the words "
        "that come later are fitted to it.",
        "Press **Run**, choose a word, and go to the step in which it was written. The word’s life, next to the text "
        "or below it, knows.",
        where_decoded, "mdlm", FEW_STEPS,
    ),
    Station(
        "Remasking",
        "**Remasking** is the way back: at each step some written words are sent back to the mask and decided again, "
        "now with the rest of the text in view. For one step you still see what was thrown away, struck through.",
        "Press **Run**. Find a step with a word struck through, stay there, and choose that word.",
        struck_through,
    ),
    Station(
        "How much",
        "With too little remasking errors stay; with too much, good words are thrown away as well. The chance that a "
        "written word goes back at a step is **σ** (sigma). The sampler computes it from a strength that you choose, "
        "**η** (eta).",
        "Choose a strength so that about every second of the 160 places is sent back once, between 60 and 120 in the "
        "whole run, and press **Run**.",
        enough_remasked, "remdm-cap", turned=("eta", 0.001, 0.2, 0.001),
    ),
    Station(
        "Draft, then revise",
        "Early on, most of the text is missing, and there is little to judge a word by. So write a draft first, then "
        "stand still and only revise (the **loop**), then complete. In the loop the share of written words, **α** "
        "(alpha), does not move.",
        "Press **Run**, and go to the first step of the loop.",
        first_of_loop,
    ),
    Station(
        "Which words",
        "Not every word is equally doubtful. The sampler remembers how probable each word was when it was written: "
        "**ψ** (psi). Remasking by confidence sends the unsure ones back more often. Being sure is not being right: "
        "ψ is a hint, no proof.",
        "Press **Run**, and at the last step choose one of the words that the model was least sure of.",
        least_sure, "remdm-conf",
    ),
    Station(
        "Steps against quality",
        "Without remasking, more steps help only until each step writes one word. With it, every further step is "
        "another chance to repair. So quality can be bought with time, after the training is over.",
        f"Choose the number of steps, **T**, and press **Run**, so that at most half of the errors of station 2, with "
        f"its {FEW_STEPS} steps, are left.",
        fewer_errors, steps=FEW_STEPS, turned=("steps", 8, 256, 8),
    ),
)  # fmt: skip
