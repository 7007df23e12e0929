"""The five stations of Learn: their words, with the figures that `remdm lesson` measured, and their runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from remdm.app.learn import checks, recorded
from remdm.app.learn.checks import Check
from remdm.app.learn.recorded import Recorded
from remdm.app.samples import Sample
from remdm.views import messages

LLADA = """LLaDA calls something else “remasking”: of the words guessed in one step it keeps those it is most confident
of and drops the others. A word that was kept is never taken back: in the left lane nothing is ever struck through."""

Runs = Callable[[str], Sequence[Sample]]
"""The recorded runs of a board by its name, lane by lane."""


@dataclass(frozen=True)
class Station:
    """One station.

    Attributes:
        title: a few words.
        text: what is to be seen, for somebody who has never heard of it.
        task: the one thing to do, in the imperative.
        boards: whose lanes stand on the stage.
        check: what is right.
    """

    title: str
    text: str
    task: str
    boards: tuple[str, ...]
    check: Check


def points() -> list[dict[str, Any]]:
    """The measured errors and network evaluations by strength and steps, in the order of their boards."""
    return recorded.index()["budget"]["points"]


def point_boards(place: int) -> tuple[str, ...]:
    """The lanes for a point of the chart: MDLM with the same steps, and the run of the point."""
    all_points = points()
    plain = next(at for at, each in enumerate(all_points) if each["steps"] == all_points[place]["steps"])
    return tuple(f"budget-{at}" for at in dict.fromkeys((plain, place)))


def stations(runs: Runs) -> tuple[Station, ...]:
    """All of them."""
    found = recorded.index()
    judged, planted, stories = found["judged"], found["planted"], found["budget"]["stories"]
    many, *_ = runs("many")
    at_once = many.trace.length // len(many.trace.steps)
    plain, remasked = runs("repair")
    removed = ", ".join(f"{name} removed {count}" for name, count in planted["removed"].items())
    all_points = points()
    first = max(place for place, each in enumerate(all_points) if each["errors"] >= checks.FEW and each["eta"])
    return (
        Station(
            "Many words at once",
            f"A text begins as a row of masks, the hatched fields. At each step the model writes about {at_once} words "
            "at the same moment, and none of them sees the others. “Ben lost his hat” and “Rosa lost her hat” are both "
            "right; drawn apart they can give “Ben lost her hat”.",
            "Click a word with a wavy line: an error.",
            ("many",), checks.errors_at_the_end(many),
        ),
        Station(
            "Errors that stay, errors that go",
            "Both sides have the same model and the same random numbers. MDLM never touches a word again. ReMDM sends "
            "some words back to the mask, struck through in orange, and writes them anew with the rest in view. Above "
            "the slider red marks say where an error begins, below it green ones where it is repaired.",
            "Press E, or drag the slider, until you stand where the right side repairs an error.",
            ("repair",), checks.moments_of_repair(remasked, plain),
        ),
        Station(
            "How strong, how long",
            "The strength η (eta) says how likely a written word goes back to the mask; T is the number of steps. Each "
            f"mark is the mean of {stories} stories. To the right lie more network evaluations, which cost the time; "
            "further down lie fewer errors. A click on a mark puts one of its runs on the stage.",
            "Click the cheapest mark under the dashed line: fewer than one error a story.",
            point_boards(first), checks.cheapest(all_points),
        ),
        Station(
            "Hide a word to judge it",
            "Why not just ask the model whether its words are right? On the left each word is asked about in view: the "
            "model sees it there and agrees. On the right it is hidden first. Dark words are doubted. In "
            f"{judged['texts']} texts the model doubted {judged['wrong_visible']} of {judged['wrong']} wrong words in "
            f"view, and {judged['wrong_hidden']} of them hidden (of the right words {judged['right_hidden']} in "
            f"{judged['right']}).",
            "On the right, click a wrong word that the model doubts.",
            ("asked",), checks.doubted_errors(*runs("asked")),
        ),
        Station(
            "Put a wrong word in yourself",
            "Now you are the error. Both samplers go on from the text on the side where you click, with your wrong "
            f"word in it. Of {planted['count']} words put in at step {planted['step']}, {removed}.",
            f"Go to about step {planted['step']}, click a word, and press the blue button.",
            ("plant",), {"kind": "live", "answers": [], "otherwise": ""},
        ),
    )  # fmt: skip


@dataclass(frozen=True)
class Course:
    """The stations, and the boards that a visitor can ask for by number: a station's, LLaDA's, then those of points."""

    stations: tuple[Station, ...]

    @property
    def boards(self) -> tuple[tuple[str, ...], ...]:
        """The boards, by number."""
        charted = tuple(point_boards(place) for place in range(len(points())))
        return (*(each.boards for each in self.stations), ("llada",), *charted)

    def message(self) -> str:
        """All of it for the page (assets/js/learn.js)."""
        more = [""] * len(self.stations)
        more[3] = " ".join(LLADA.split())
        kept = [
            {"title": each.title, "text": each.text, "task": each.task, "check": each.check, "more": after}
            for each, after in zip(self.stations, more, strict=True)
        ]
        chart = {"station": 2, "few": checks.FEW, "points": points()}
        return messages.dumps({"v": 1, "kind": "course", "stations": kept, "chart": chart, "more": len(kept)})


def course(runs: Recorded) -> Course:
    """The course on recorded runs."""
    return Course(stations(runs.samples))
