"""`python -m remdm precision`: what 32-bit noise does to a sampler, on a language whose every probability is known.

The reference samplers draw, at every step and position, one race over all words and the mask: argmax q / E with
E = -log U. In 32 bits U has 24 binary digits, so that log E has an end: a word that becomes likelier than the mask only
by rare noise is drawn too seldom, the more so the smaller the steps. It acts as a lower temperature: perplexity falls,
which looks like quality, and entropy falls with it (Zheng et al., arXiv 2409.02908). This app decides apart and in 64
bits who decodes, and draws words only where one is needed; its rows show what its own 32 bits do.

The language: independent positions, words of a few ranks, equally likely in a rank, the ranks falling as Zipf's law.
So the best of n equal words is drawn at once, from the exact law of the greatest of n numbers of 24 digits, and no
vocabulary of 50,257 has to be walked through. The judge is the language itself.
"""

import argparse
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from remdm.evaluation.metrics.diversity import token_entropy
from remdm.evaluation.metrics.statistics import bootstrap
from remdm.evaluation.sweeps import results

VOCABULARY, RANKS, LENGTH = 50_257, 24, 1024
STEPS = (16, 64, 256, 1024, 4096)
LITERAL, APP = "one race over words and mask", "words alone, as this app draws"
COLUMNS = (
    *results.KEY, "bits", "length", "samples", "entropy", "entropy_low", "entropy_high", "perplexity",
    "perplexity_low", "perplexity_high", "true_entropy", "true_perplexity",
)  # fmt: skip


@dataclass(frozen=True)
class Language:
    """Independent positions; `counts` words in each rank, each with the probability `each`, float64 `[K]`."""

    counts: np.ndarray
    each: np.ndarray

    @cached_property
    def first(self) -> np.ndarray:
        """The id of each rank's first word."""
        return np.concatenate(([0], np.cumsum(self.counts)[:-1]))

    @property
    def entropy(self) -> float:
        return float(-(self.counts * self.each * np.log(self.each)).sum())

    @cached_property
    def log_p(self) -> np.ndarray:
        """Log-probability of each word, `[V]`."""
        return np.repeat(np.log(self.each), self.counts)


def language(vocabulary: int = VOCABULARY, ranks: int = RANKS) -> Language:
    """Ranks that grow geometrically, a rank's words as likely as Zipf's law has its middle."""
    edges = np.unique(np.geomspace(1, vocabulary + 1, ranks + 1).round().astype(int))
    counts = np.diff(edges)
    weight = 1.0 / np.sqrt(edges[:-1] * edges[1:])
    return Language(counts, weight / (counts * weight).sum())


def noise(rng: np.random.Generator, counts: np.ndarray, rows: int, bits: int) -> np.ndarray:
    """The smallest E of `counts` words, in the reference's arithmetic: `[rows, K]`.

    It is the E of the greatest U: of n uniform numbers of 24 digits that is ceil(2^24 W^(1/n)) - 1 of 2^24 parts.
    """
    greatest = np.exp(-rng.standard_exponential((rows, len(counts))) / counts)
    if bits == 64:
        return 1e-10 - np.log(greatest + 1e-10)
    greatest = ((np.ceil(greatest * 2.0**24) - 1.0) / 2.0**24).astype(np.float32)
    return np.float32(1e-10) - np.log(greatest + np.float32(1e-10))


def literal(spoken: Language, steps: int, positions: int, bits: int, seed: int) -> np.ndarray:
    """Words at independent positions after T steps of MDLM as the reference draws it, and none left masked: `[n]`."""
    rng, dtype = np.random.default_rng(seed), np.float64 if bits == 64 else np.float32
    counts = np.concatenate((spoken.counts, [1]))
    words = np.full(positions, -1)
    for step in range(steps, 0, -1):
        masked = np.flatnonzero(words < 0)
        t, s = step / steps, (step - 1) / steps
        weights = np.concatenate(((t - s) * spoken.each, [s])).astype(dtype)
        won = (weights / noise(rng, counts, len(masked), bits)).argmax(axis=1)
        decoded = won < len(spoken.counts)
        ranks = won[decoded]
        words[masked[decoded]] = spoken.first[ranks] + rng.integers(spoken.counts[ranks])
    return words


def apart(spoken: Language, steps: int, positions: int, bits: int, seed: int) -> np.ndarray:
    """The same as this app draws it: who decodes is known, and the race is among the words alone, whatever T is."""
    rng, dtype = np.random.default_rng(seed + steps), np.float64 if bits == 64 else np.float32
    ranks = (spoken.each.astype(dtype) / noise(rng, spoken.counts, positions, bits)).argmax(axis=1)
    return spoken.first[ranks] + rng.integers(spoken.counts[ranks])


DRAWN = {LITERAL: literal, APP: apart}


def row(spoken: Language, who: str, steps: int, bits: int, samples: np.ndarray, seed: int) -> dict[str, str]:
    """The row of samples `[n, L]`: entropy inside a sample, and perplexity by the language itself.

    Words are independent, so the interval of the perplexity is over words, that of the entropy over samples.
    """
    nats = -spoken.log_p[samples].reshape(-1)
    return results.flat({
        "domain": "precision", "model": f"Zipf, {len(spoken.log_p):,} words", "model_hash": "", "sampler": who,
        "overrides": f"precision={bits}", "steps": steps, "seed": seed, "bits": bits, "length": samples.shape[1],
        "samples": len(samples), "entropy": bootstrap([token_entropy(each) for each in samples.tolist()]),
        "perplexity": bootstrap(nats, lambda means: np.exp(means[..., 0])), "true_entropy": spoken.entropy,
        "true_perplexity": float(np.exp(spoken.entropy)),
    })  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", nargs="+", type=int, default=STEPS, metavar="T")
    parser.add_argument("--samples", type=int, default=8, help=f"of {LENGTH} words (default 8)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results"))


def run(args: argparse.Namespace) -> None:
    """Draw what is not in OUT/precision.csv yet, and print what is there.

    Raises:
        ValueError: for a count below 1.
    """
    if args.samples < 1 or min(args.steps) < 1:
        raise ValueError("samples and steps must be at least 1")
    path, spoken = args.out / "precision.csv", language()
    there = {(each["sampler"], each["steps"], each["bits"], each["seed"]) for each in results.read(path)}
    cells = [(who, t, bits) for who in DRAWN for t in args.steps for bits in (32, 64)]
    for who, steps, bits in tqdm(cells, unit="cell"):
        if (who, str(steps), str(bits), str(args.seed)) not in there:
            words = DRAWN[who](spoken, steps, args.samples * LENGTH, bits, args.seed).reshape(args.samples, LENGTH)
            results.append(path, row(spoken, who, steps, bits, words, args.seed), COLUMNS)
    for each in results.read(path):
        print(f"{each['sampler']}, {each['bits']} bits, T = {each['steps']}: entropy {each['entropy']}, perplexity "
              f"{each['perplexity']} (true {each['true_perplexity']})")  # fmt: skip
