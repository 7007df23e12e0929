"""What models show and check of a state takes any ids: an opened trace may come from another version of a model."""

import json
import random

import pytest

from remdm.domains.registry import DOMAINS
from remdm.runs.tokens import Issue, TokenView

MODELS = [model for domain in DOMAINS.values() for model in domain.models]
STRANGE = ("", " ", "<img src=x>", "7", "=", ",", "Answer:", ".", "“", "²", "9" * 5000)


def views(length: int) -> list[TokenView]:
    """States of a length: all masked, all of one id, and mixtures; some ids have strange words, others have none."""
    source = random.Random(length)
    words = {token: source.choice(STRANGE) for token in range(0, 700, 3)}
    mixed = [
        TokenView(tuple(source.choice((mask_id, source.randrange(most))) for _ in range(length)), mask_id, words)
        for mask_id in (0, 40, 512)
        for most in (40, 70, 1 << 24)
    ]
    return [TokenView((0,) * length, 0, words), TokenView((5,) * length, 0, words), *mixed]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("length", [1, 16, 17, 32, 144, 160, 255, 256])
def test_nothing_that_is_shown_or_checked_raises(model, length):
    for view in views(length):
        for issue in model.issues(view) if model.issues else ():
            assert isinstance(issue, Issue) and issue.kind and issue.message
            assert all(0 <= position < length for position in issue.positions)
        if model.scene:
            json.dumps(model.scene(view))
        if model.tile:
            assert "<img src=x>" not in model.tile(view)
        if model.numbers:
            assert all(map(str, model.numbers([view])))
        if model.charts:
            assert all(figure.to_json() for figure in model.charts([view]).values())
