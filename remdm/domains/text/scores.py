"""What samples of text are worth: the columns of the results file, computed from final ids alone."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from remdm.domains.text.checker import DRAWN, KINDS, Report, check, drawn, entropies, world_entropy
from remdm.domains.text.domain import issues_of
from remdm.domains.text.storyworld import lines, world_of
from remdm.evaluation.metrics import judge
from remdm.evaluation.metrics.diversity import distinct_n, distinct_samples, token_entropy
from remdm.evaluation.metrics.statistics import NORMAL, bootstrap, ratio, wilson
from remdm.evaluation.sweeps.results import with_ends
from remdm.evaluation.sweeps.samples import Samples
from remdm.models.checkpoints import Checkpoint
from remdm.runs.domain import Model
from remdm.views.interval import Interval

MAUVE = ("mauve", "mauve_samples")

COLUMNS = (
    "domain", "model", "model_hash", "version", "parameters", "dtype", "sampler", "overrides", "settings", "steps",
    "length", "seed", "samples", "forwards", "seconds",
    *with_ends("perfect", "correct", "grammatical", "errors"),
    *(f"errors_{kind}" for kind in KINDS),
    *with_ends("distinct", "token_entropy", "state_entropy"),
    *(f"{name}_entropy" for name in DRAWN), "world_entropy", "distinct_1", "distinct_2", "distinct_3",
    "judge", "judge_samples", *with_ends("judge_perplexity"), "machine", *MAUVE,
)  # fmt: skip
"""Those of the results file for text; `forwards` is the NFE of a sample, the same everywhere, `seconds` are not."""

Values = dict[str, object]


def texts(samples: Samples, model: Model, checkpoint: Checkpoint) -> list[str]:
    return [model.text(row.tolist(), checkpoint) for row in samples.tokens]


def score(samples: Samples, model: Model, checkpoint: Checkpoint) -> Values:
    """Every figure that the samples give, an `Interval` where it has one."""
    if not len(samples):
        raise ValueError("there are no samples to score")
    added = checkpoint.tokenizer.get_added_tokens_decoder()
    special = {token for token, about in added.items() if about.special}
    made = variety([[token for token in row if token not in special] for row in samples.tokens.tolist()])
    if model.issues:
        words = [[checkpoint.tokenizer.id_to_token(token) for token in row] for row in samples.tokens.tolist()]
        made |= correctness(words)
    if samples.judged[:, 1].any():
        perplexity = judge.perplexity([(float(nats), int(count)) for nats, count in samples.judged])
        made |= {"judge": judge.NAME, "judge_samples": len(samples.judged), "judge_perplexity": perplexity}
    return made


def variety(samples: Sequence[Sequence[int]]) -> Values:
    """How varied the samples are, each without special tokens. distinct_n falls with the number of samples."""
    different = round(distinct_samples([tuple(sample) for sample in samples]) * len(samples))
    return {
        "distinct": wilson(different, len(samples)),
        "token_entropy": bootstrap([token_entropy(sample) for sample in samples]),
        **{f"distinct_{n}": distinct_n(samples, n) for n in (1, 2, 3)},
    }


def correctness(stories: Sequence[Sequence[str | None]]) -> Values:
    """What the checker says of stories, each the words at all positions, special tokens included.

    A story is perfect if the page would underline nothing in it. Shares of sentences are bootstrapped over stories.
    """
    world = world_of(len(stories[0]))
    reports = [check(lines.read_off(words)[0], world) for words in stories]
    issues = [issues_of(words) for words in stories]
    perfect = sum(report.perfect and not found for report, found in zip(reports, issues, strict=True))
    kinds = Counter(issue.kind for found in issues for issue in found)
    entropy = entropies(reports)
    return {
        "perfect": wilson(perfect, len(stories)),
        "correct": _share(reports, lambda span: span.status == "ok"),
        "grammatical": _share(reports, lambda span: span.parsed),
        "errors": bootstrap([len(found) for found in issues]),
        **{f"errors_{kind}": kinds[kind] / len(stories) for kind in KINDS},
        "state_entropy": _state_entropy(reports, entropy["mean"]),
        **{f"{name}_entropy": entropy[name] for name in DRAWN},
        "world_entropy": world_entropy(len(reports), world)["mean"],
    }


def _share(reports: Sequence[Report], right: Callable[[Any], bool]) -> Interval:
    counts = [(sum(map(right, report.sentences)), len(report.sentences)) for report in reports]
    return bootstrap(counts, ratio)


def _state_entropy(reports: Sequence[Report], mean: float) -> Interval:
    """The mean entropy with a normal interval: the variance of an entropy is that of -log p over its count.

    A bootstrap would sit below the value, since drawing anew loses states.
    """
    variance = 0.0
    for name in DRAWN:
        known = Counter(value for report in reports if (value := drawn(report)[name]) is not None)
        surprise = [(count / known.total(), -math.log(count / known.total())) for count in known.values()]
        entropy = sum(p * h for p, h in surprise)
        variance += sum(p * (h - entropy) ** 2 for p, h in surprise) / max(1, known.total())
    reach = NORMAL * math.sqrt(variance) / len(DRAWN)
    return Interval(mean, max(0.0, mean - reach), mean + reach)
