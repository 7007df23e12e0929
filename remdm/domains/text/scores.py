"""What samples of text are worth: the columns of the results file, computed from final ids alone."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from remdm.domains.text.checker import KINDS, Report, check, summary
from remdm.domains.text.domain import story_notes
from remdm.domains.text.storyworld import lines
from remdm.evaluation.metrics import judge
from remdm.evaluation.metrics.diversity import distinct_n, distinct_samples, token_entropy
from remdm.evaluation.metrics.statistics import NORMAL, Interval, bootstrap, ratio, wilson
from remdm.evaluation.sweeps.results import with_ends
from remdm.evaluation.sweeps.samples import Samples
from remdm.models.checkpoints import Checkpoint
from remdm.runs.domain import Model

STATES = ("plot", "hero", "key")
MAUVE = ("mauve", "mauve_samples")

COLUMNS = (
    "domain", "model", "model_hash", "version", "parameters", "dtype", "sampler", "overrides", "settings", "steps",
    "length", "seed", "samples", "forwards", "seconds",
    *with_ends("perfect", "correct", "grammatical", "errors"),
    *(f"errors_{kind}" for kind in KINDS),
    *with_ends("distinct", "token_entropy", "state_entropy"),
    *(f"{name}_entropy" for name in STATES), "world_entropy", "distinct_1", "distinct_2", "distinct_3",
    "judge", "judge_samples", *with_ends("judge_perplexity"), "machine", *MAUVE,
)  # fmt: skip
"""Those of the results file for text; `forwards` is the NFE of a sample, the same everywhere, `seconds` are not."""

Values = dict[str, object]


def special_ids(checkpoint: Checkpoint) -> frozenset[int]:
    """Ids of `<mask>`, `<bos>` and the like."""
    added = checkpoint.tokenizer.get_added_tokens_decoder()
    return frozenset(token for token, about in added.items() if about.special)


def texts(samples: Samples, model: Model, checkpoint: Checkpoint) -> list[str]:
    """The samples as printed."""
    return [model.text(row.tolist(), checkpoint) for row in samples.tokens]


def score(samples: Samples, model: Model, checkpoint: Checkpoint) -> Values:
    """Every figure that the samples give, an `Interval` where it has one."""
    if not len(samples):
        raise ValueError("there are no samples to score")
    special = special_ids(checkpoint)
    made = variety([[token for token in row if token not in special] for row in samples.tokens.tolist()])
    if model.notes:
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
        "token_entropy": bootstrap([token_entropy(sample) if sample else 0.0 for sample in samples]),
        **{f"distinct_{n}": distinct_n(samples, n) for n in (1, 2, 3)},
    }


def correctness(stories: Sequence[Sequence[str]]) -> Values:
    """What the checker says of stories, each the words at all positions, special tokens included.

    A story is perfect if the page would underline nothing in it. Shares of sentences are bootstrapped over stories.
    """
    reports = [check(lines.read_off(words)[0]) for words in stories]
    notes = [story_notes(words) for words in stories]
    perfect = sum(report.perfect and not found for report, found in zip(reports, notes, strict=True))
    kinds = Counter(note.kind for found in notes for note in found)
    whole = summary(reports)
    entropies = whole["entropy"]
    return {
        "perfect": wilson(perfect, len(stories)),
        "correct": _share(reports, lambda span: span.status == "ok"),
        "grammatical": _share(reports, lambda span: span.parsed),
        "errors": bootstrap([len(found) for found in notes]),
        **{f"errors_{kind}": kinds[kind] / len(stories) for kind in KINDS},
        "state_entropy": _state_entropy(reports, entropies["mean"]),
        **{f"{name}_entropy": entropies[name] for name in STATES},
        "world_entropy": whole["world_entropy"]["mean"],
    }


def _share(reports: Sequence[Report], right: Callable[[Any], bool]) -> Interval:
    counts = [(sum(map(right, report.sentences)), len(report.sentences)) for report in reports]
    return bootstrap(counts, ratio)


def _state_entropy(reports: Sequence[Report], mean: float) -> Interval:
    """The mean entropy with a normal interval: the variance of an entropy is that of -log p over its count.

    A bootstrap would sit below the value, since drawing anew loses states.
    """
    variance = 0.0
    for name in STATES:
        values = [{"plot": r.plot, "hero": r.state.get("hero"), "key": r.key}[name] for r in reports]
        known = Counter(value for value in values if value is not None)
        total = sum(known.values())
        if total:
            surprise = [(count / total, -math.log(count / total)) for count in known.values()]
            entropy = sum(p * h for p, h in surprise)
            variance += sum(p * (h - entropy) ** 2 for p, h in surprise) / total
    reach = NORMAL * math.sqrt(variance) / len(STATES)
    return Interval(mean, max(0.0, mean - reach), mean + reach)
