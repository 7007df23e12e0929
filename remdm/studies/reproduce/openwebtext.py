"""Unconditional text: MAUVE, generative perplexity and entropy, as the paper's code measures them.

Gen PPL is gpt2-large's of the printed samples. MAUVE compares as many samples with blocks of held-out OpenWebText: the
last 100,000 documents, of which blocks are drawn with replacement, as the paper's code does.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

from remdm.evaluation.measurement import Bench, Job, Write
from remdm.evaluation.metrics import mauve
from remdm.evaluation.metrics.diversity import token_entropy
from remdm.evaluation.metrics.judge import Judge, perplexity
from remdm.evaluation.metrics.statistics import bootstrap, with_spread
from remdm.evaluation.sweeps.compiled import compiled, number_type
from remdm.evaluation.sweeps.results import with_ends
from remdm.evaluation.sweeps.samples import Cell, Free, Samples, judged
from remdm.hub.catalog import ENTRIES
from remdm.hub.loading import load as load_model
from remdm.hub.store import Source
from remdm.models.network import compute
from remdm.studies.reproduce.experiment import Experiment, Figure, Need, Package, Work, columns, digest

DOCUMENTS, TOGETHER = 100_000, 1000
"""Held-out documents, and how many of them are cut into blocks together."""
AGAIN = 5
"""Resamples of both sides, for MAUVE's interval."""
MAUVE = Package((*mauve.NEEDED, "pyarrow"), f"{mauve.INSTALL} pyarrow", "MAUVE")
JUDGE = Need(
    "gpt2-large, the judge", 3_250_000_000,
    Source("openai-community/gpt2-large", ("config.json", "tokenizer.json", "model.safetensors")),
)  # fmt: skip
HELD_OUT = Need(
    "OpenWebText, its last 100,000 documents", 310_000_000,
    Source("Skylion007/openwebtext", ("plain_text/train/0079.parquet",), "dataset", "refs/convert/parquet"),
    package=MAUVE,
)  # fmt: skip


@cache
def judge(device: str) -> Judge:
    """gpt2-large on that device."""
    return Judge.published(JUDGE.file().parent, "gpt2-large", str(compute(device).device))


def blocks(documents: Sequence[str], tokenizer: Tokenizer, length: int) -> Iterator[np.ndarray]:
    """Documents as blocks of the training's form, int32 `[n, length]`: end marks at both ends and between documents.

    Some documents at a time are joined, and what is left over of them is dropped.
    """
    end = tokenizer.token_to_id("<|endoftext|>")
    assert end is not None  # MDLM's loader added it
    for first in range(0, len(documents), TOGETHER):
        encoded = tokenizer.encode_batch(list(documents[first : first + TOGETHER]), add_special_tokens=False)
        joined = np.concatenate([np.array([*each.ids, end], np.int32) for each in encoded])
        inner = joined[: len(joined) // (length - 2) * (length - 2)].reshape(-1, length - 2)
        yield np.pad(inner, ((0, 0), (1, 1)), constant_values=end)


def printed(ids: np.ndarray, tokenizer: Tokenizer, reader: Judge) -> list[str]:
    """Ids `[n, L]` as the paper's code prints them: end marks by name, no space before a full stop."""
    texts = tokenizer.decode_batch(ids.tolist(), skip_special_tokens=False)
    return [reader.tokenizer.clean_up_tokenization(text) for text in texts]


@dataclass(frozen=True)
class Reading:
    """What reads the samples of one run of the command: the judge, and the references' features."""

    args: argparse.Namespace
    tokenizer: Tokenizer
    length: int

    @property
    def judge(self) -> Judge:
        """Of this run."""
        return judge(self.args.device)

    def references(self, count: int) -> np.ndarray:
        """Features of blocks of held-out text, `[count, width]`, computed once for the results folder."""
        path = self.args.out / f"references-{count}.npy"
        if not path.is_file():
            documents = pd.read_parquet(HELD_OUT.file(), columns=["text"])["text"].tolist()[-DOCUMENTS:]
            held_out = np.concatenate(list(blocks(documents, self.tokenizer, self.length)))
            drawn = held_out[np.random.default_rng(1).integers(len(held_out), size=count)]
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, self.judge.features(printed(drawn, self.tokenizer, self.judge)))
        return np.load(path)

    def scores(self, samples: Samples) -> list[tuple[float, int]]:
        """Nats and tokens of each, by the judge."""
        return self.judge.nll(printed(samples.tokens, self.tokenizer, self.judge))

    def mauve(self, samples: Samples) -> dict[str, Any]:
        """MAUVE of the samples, its interval by resampling both sides."""
        own = self.judge.features(printed(samples.tokens, self.tokenizer, self.judge))
        reference, rng = self.references(len(own)), np.random.default_rng(0)
        picked = [rng.integers(len(own), size=(2, len(own))) for _ in range(AGAIN)]
        again = [mauve.mauve(reference[rows[0]], own[rows[1]]) for rows in picked]
        spread = with_spread(mauve.mauve(reference, own), again)
        return {
            "mauve": replace(spread, low=max(spread.low, 0.0), high=min(spread.high, 1.0)),
            "mauve_samples": len(own),
        }


class OpenWebText(Experiment):
    """MDLM trained on OpenWebText, as in Tables 1, 5 and 6 and Figure 3."""

    domain, model, needs = "text", "mdlm-owt", (JUDGE, HELD_OUT)
    figures = {
        "MAUVE": Figure("mauve", package=MAUVE),
        "Gen PPL": Figure("perplexity"),
        "entropy": Figure("entropy"),
    }
    columns = columns(*with_ends("entropy", "perplexity", "mauve"), "mauve_samples")
    samples, seeds, at_once, batch = 5000, (1,), 64, 64
    costly = (*with_ends("mauve"), "mauve_samples")
    answer, shrunk = 1024, (64, 6)
    # the judge reads each sample twice: once for its perplexity, once for its features
    work = Work(2 * 169_627_218 * 1024, 50_258, 2 * 2 * 774_030_080 * 1024)
    note = (
        "The paper's network ran under bfloat16 autocast and drew from bfloat16 probabilities; here they are float32, "
        "from a network in the number type that the rows name."
    )

    def base(self, sampler: str) -> Mapping[str, Any]:
        """The paper's nucleus."""
        return {"nucleus_p": 0.9}

    def _checkpoint(self, args: argparse.Namespace) -> Any:
        return compiled(args, load_model(self.model, compute(args.device)))

    def conditions(self, args: argparse.Namespace) -> Mapping[str, Bench]:
        """Nothing is asked for."""
        checkpoint = self._checkpoint(args)

        def draws(cell: Cell) -> list[Free]:
            return [Free(checkpoint.denoiser, cell, checkpoint.length, number_type(checkpoint))]

        def score(cell: Cell | None, groups: Sequence[Samples]) -> dict[str, Any]:
            return scores(groups[0])

        return {"": Bench(self.model, digest(ENTRIES[self.model].sources[0]), checkpoint, draws, score)}

    def finish(self, args: argparse.Namespace, jobs: Sequence[Job], write: Write) -> None:
        """Let the judge read the samples, and compare them with held-out text where the packages are there."""
        checkpoint = jobs[0].bench.checkpoint
        reading = Reading(args, checkpoint.tokenizer, checkpoint.length)
        for job in jobs:
            part = job.parts[0]
            samples = judged(part.path, part.count, reading.scores).first(part.count)
            write(job, [samples], {} if MAUVE.missing else reading.mauve(samples))


def scores(samples: Samples) -> dict[str, Any]:
    """The figures that need no second look: entropy inside a sample, and the judge's perplexity once it has read."""
    made: dict[str, Any] = {"entropy": bootstrap([token_entropy(row) for row in samples.tokens.tolist()])}
    if len(samples.judged):
        made["perplexity"] = perplexity([(float(nats), int(count)) for nats, count in samples.judged])
    return made
