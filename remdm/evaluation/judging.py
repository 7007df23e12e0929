"""What a network thinks of the words of a finished text: asked while a word stands there, and while it is hidden."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from remdm.runs.planting import SPECIAL
from remdm.runs.record import PreparedRun
from remdm.runs.trace import Frame, Trace

DOUBTED = 0.1
"""A word is doubted below this probability."""
MOST_BLAMED = 3
"""An error that blames more positions than this does not say which word is wrong."""
ASKED = "asked"
"""The phase of a step in which a word is asked about."""


@dataclass(frozen=True)
class Judged:
    """The probability of the word at each position of a text, `[L]`: with the word in view, and with the mask there.

    `words` are the positions that hold a word, in their order; `wrong` those that the checker blames.
    """

    words: tuple[int, ...]
    wrong: frozenset[int]
    visible: np.ndarray
    hidden: np.ndarray

    def doubted(self, probability: np.ndarray, wrong: bool = True) -> list[int]:
        """The wrong (or else the right) words that have less than `DOUBTED`."""
        return [each for each in self.words if (each in self.wrong) == wrong and probability[each] < DOUBTED]


def judge(prepared: PreparedRun, ids: Sequence[int]) -> Judged:
    """Ask about each word of a text: one forward for all of them in view, one for each hidden."""
    denoiser = prepared.request.model.denoiser(prepared.checkpoint, prepared.request.asked)
    tokens, view = torch.tensor([ids]), prepared.view(ids)
    words = [place for place, word in enumerate(view.printed) if word and not SPECIAL.match(word)]
    rows = torch.zeros_like(tokens, dtype=torch.bool)
    rows[0, words] = True
    each = torch.tensor(words)
    alone = torch.zeros(len(words), tokens.shape[1], dtype=torch.bool)
    alone[torch.arange(len(words)), each] = True
    hidden = tokens.repeat(len(words), 1).masked_fill(alone, prepared.checkpoint.mask_id)
    found = []
    for asked, where in ((tokens, rows), (hidden, alone)):
        log_p = denoiser(asked, where, 0.5).cpu().double()
        probability = np.ones(tokens.shape[1])
        probability[words] = log_p.exp()[torch.arange(len(words)), tokens[0, each]].numpy()
        found.append(probability)
    issues = prepared.request.model.issues(view) if prepared.request.model.issues else ()
    blamed = {place for issue in issues if len(issue.positions) <= MOST_BLAMED for place in issue.positions}
    return Judged(tuple(words), frozenset(blamed), *found)


def sweep(trace: Trace, judged: Judged, hide: bool) -> Trace:
    """A run, and after it a step for each word in which it is asked about: in view, or hidden and put back."""
    asked = judged.hidden if hide else judged.visible
    last = trace.steps[-1]
    confidence, held, frames = last.confidence.copy(), -1, list(trace.steps)
    for count, place in enumerate([*judged.words, -1], 1):
        written: tuple[tuple[int, int, float], ...] = ()
        if held >= 0:
            confidence = confidence.copy()
            confidence[held] = round(255 * asked[held])
            written = ((held, trace.final[held], round(float(asked[held]), 6)),) if hide else ()
        gone = (place,) if hide and place >= 0 else ()
        shown = confidence.copy()
        shown[list(gone)] = 0
        frames.append(Frame(last.s, last.s, last.alpha_s, last.alpha_s, float(bool(gone)), ASKED, written, gone, shown,
                            last.forwards + (min(count, len(judged.words)) if hide else 1)))  # fmt: skip
        held = place
    return Trace(trace.run, trace.length, trace.mask_id, trace.start, trace.words, tuple(frames), trace.text)
