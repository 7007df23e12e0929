"""`python -m remdm evaluate text`: how good and how varied each sampler's text is, at each number of steps."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import models
from tqdm import tqdm

from remdm.domains.text import prose, storyworld
from remdm.domains.text.domain import DOMAIN, PROSE, STORIES, STORIES_LONG
from remdm.domains.text.scores import COLUMNS, MAUVE, score, texts
from remdm.domains.text.storyworld import lines
from remdm.domains.text.tables import render
from remdm.evaluation.measurement import Bench, Job, Measure, Measurement, Objective, Write
from remdm.evaluation.metrics import mauve
from remdm.evaluation.metrics.judge import NAME as JUDGE
from remdm.evaluation.metrics.judge import Judge
from remdm.evaluation.sweeps.compiled import compiled, number_type
from remdm.evaluation.sweeps.results import Row
from remdm.evaluation.sweeps.samples import DATA, Cell, Draw, Free, Samples, Tick, judged, load, silent
from remdm.models import checkpoints
from remdm.models.checkpoints import Checkpoint, load_embedded, weights_hash
from remdm.models.network import compute
from remdm.runs.domain import Model

FRESH = 10**9
"""Seeds of the world's stories from here on: training never comes so far."""
UNSEEN = 1_000_000
"""The number of the first story of the world that MAUVE compares with: none of the row of the data."""


def world_stories(checkpoint: Checkpoint, first: int, stop: int, tick: Tick = silent) -> Samples:
    """Stories `first` to `stop - 1` of the world itself, none of which training has seen, as if a sampler's."""
    known, world = checkpoint.tokenizer.get_vocab(), storyworld.world_of(checkpoint.length)
    drawn = (storyworld.generate(FRESH + row, world=world) for row in range(first, stop))
    stories = (lines.lay_out(story.sentences, world.length) for story in drawn)
    return Samples.given(np.array([[known[str(word)] for word in story] for story in stories]))


def loaded(name: str, device: str = "auto") -> tuple[Model, Checkpoint, Path]:
    """An embedded model by name, or one from a folder (told by a separator in its name).

    A folder's model is a story model if its tokenizer has whole words.
    """
    is_path = os.sep in name or "/" in name
    folder = Path(name).resolve() if is_path else checkpoints.ROOT / DOMAIN.model(name).name
    checkpoint = load_embedded(str(folder) if is_path else name, compute(device))
    if not is_path:
        return DOMAIN.model(name), checkpoint, folder
    is_stories = isinstance(checkpoint.tokenizer.model, models.WordLevel)
    model = STORIES if checkpoint.length == STORIES.length else STORIES_LONG
    return model if is_stories else PROSE, checkpoint, folder


@cache
def _judge() -> Judge:
    return Judge.load()


class Text(Measurement):
    """The entropy of the state is that of plot, hero and key object over all stories."""

    domain, file, columns, own = "text", "results.csv", COLUMNS, "stories"
    measures = (
        Measure("correct", "Correct sentences", share=True),
        Measure("perfect", "Perfect stories", share=True),
        Measure("judge_perplexity", "Judge's perplexity, with entropy", lower=True, count="judge_samples",
                alongside="token_entropy"),
        Measure("distinct", "Distinct samples", share=True),
        Measure("token_entropy", "Entropy of a sample's tokens, nats"),
        Measure("state_entropy", "Variety: entropy of plot, hero and key object over all stories (mean), nats"),
        Measure("mauve", "MAUVE by the judge's features", count="mauve_samples"),
    )  # fmt: skip
    missing = (
        "MAUVE needs a package of its own (evaluate text --mauve), so a cell of yours has none, and wants thousands of "
        f"texts where these are 256; it has no interval. The judge is {JUDGE}, the paper's gpt2-large, so that neither "
        "can be compared with the paper's."
    )
    objective = Objective("correct", floors={"token_entropy": 0.98, "distinct": 0.95, "state_entropy": 0.9})
    samplers = ("mdlm", "remdm-cap", "remdm-rescale", "remdm-conf", "remdm-switch", "remdm-loop", "fb", "dfm")
    steps, samples, at_once, batch = (0.25, 0.5, 1.0, 2.0, 4.0), 256, 32, 8
    data, costly, named = True, MAUVE, ("model",)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--model", default="stories", help="an embedded model, or the path of a checkpoint folder")
        help_prepared = "folder of the prepared prose, for `data` (default: where training keeps it)"
        parser.add_argument("--prepared", type=Path, help=help_prepared)
        parser.add_argument("--judge", action="store_true", help="perplexity by a judge model (slow)")
        help_judge = "read by the judge in each cell (default 64)"
        parser.add_argument("--judge-samples", type=int, default=64, help=help_judge)
        help_mauve = "MAUVE against the world's stories, by the judge's features (slow; needs mauve-text)"
        parser.add_argument("--mauve", action="store_true", help=help_mauve)
        parser.add_argument("--mauve-samples", type=int, default=256, help="compared in each cell (default 256)")

    def open(self, args: argparse.Namespace) -> Sequence[Bench]:
        model, checkpoint, folder = loaded(args.model, args.device)
        checkpoint = compiled(args, checkpoint)
        if args.mauve and not model.issues:
            raise ValueError(f"MAUVE against its data is for the story model, got the model {folder.name}")
        if args.mauve:
            mauve.ready()

        def draws(cell: Cell) -> list[Free]:
            return [Free(checkpoint.denoiser, cell, model.length, number_type(checkpoint))]

        def scored(cell: Cell | None, groups: Sequence[Samples]) -> Mapping[str, Any]:
            return score(groups[0], model, checkpoint)

        def read(samples: Samples) -> Samples:
            scores = _judge().nll(texts(samples, model, checkpoint))
            return replace(samples, judged=np.array(scores, dtype=np.float64))

        data: Draw | None = partial(world_stories, checkpoint) if model.issues else None
        if data is None and DATA in args.samplers:
            blocks = prose.prepare(args.prepared or folder / "training" / "data").heldout
            data = partial(Samples.of_data, blocks, "held-out blocks of prose")
        judge = None if model.issues else read
        return [Bench(folder.name, weights_hash(folder), checkpoint, draws, scored, data=data, judged=judge)]

    def opening(self, model: str) -> tuple[Sequence[str], Objective]:
        """Where no checker knows what is wrong, a judge's perplexity decides; text must not get plainer by it."""
        named = () if model == STORIES.name else ("--model", model)
        if DOMAIN.model(model).issues:
            return named, self.objective
        return named, Objective("judge_perplexity", True, {"token_entropy": 0.98, "distinct": 0.95})

    def condition(self, row: Row) -> str:
        return row["model"]

    def finish(self, args: argparse.Namespace, jobs: Sequence[Job], write: Write) -> None:
        """Let the judge read the first samples of each cell, or compare them with stories that are in no row."""
        data = jobs[0].bench.data
        model, checkpoint, _ = loaded(args.model, args.device)

        def printed(samples: Samples) -> list[str]:
            return texts(samples, model, checkpoint)

        if args.judge:
            for job in tqdm(jobs, desc="judge", unit="cell"):
                read = judged(job.parts[0].path, args.judge_samples, lambda samples: _judge().nll(printed(samples)))
                write(job, [read])
        if args.mauve:
            assert data is not None
            count, features = args.mauve_samples, _judge().features
            reference = features(printed(data(UNSEEN, UNSEEN + count)))
            for job in tqdm(jobs, desc="MAUVE", unit="cell"):
                samples = load(job.parts[0].path)
                assert samples is not None
                found = mauve.likeness(features, reference, printed(samples.first(count)))
                write(job, [samples], found)

    def render(self, rows: Sequence[Row]) -> str:
        return render(rows)


MEASUREMENT = Text()
