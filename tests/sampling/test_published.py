"""The presets against their papers' own rules, written out anew: counts, ranks, blocks, guidance, and whole runs.

LLaDA's rule (arXiv 2502.09992, Algorithm 4 and its public `generate`): positions behind the prompt are written in
blocks; each block has its share of the steps, and its masks are spread evenly over them, the remainder first. A step
asks the network for all positions, draws a token at every mask by Gumbel-max at a temperature, and keeps the tokens of
the block to which the untempered softmax gave the greatest probability.
"""

from dataclasses import dataclass
from math import cos, floor, pi

import pytest
import torch

from remdm.models.ideal import IdealDenoiser
from remdm.sampling.denoiser import Denoiser, Truncated, Truncation
from remdm.sampling.methods import largest_eta, run, settings
from remdm.sampling.noise import Noise
from remdm.sampling.presets import METHODS
from remdm.sampling.state import start
from remdm.sampling.time_grid import Step
from remdm.sampling.top_confidence import EvenCounts, MaskgitCounts, TopConfidence

VOCABULARY, MASK, EOS, EOT = 24, 23, 20, 21


@dataclass
class Stub(Denoiser):
    """A network of a fixed table: the logits of a position depend on it, on its neighbours and on the whole sum."""

    seed: int
    length: int
    mask_id: int = MASK
    timed: bool = False
    end_ids: tuple[int, ...] = (EOS, EOT)

    def __post_init__(self):
        generator = torch.Generator().manual_seed(self.seed)
        self.table = 3 * torch.randn(self.length, VOCABULARY, 8, generator=generator, dtype=torch.float64)
        self.reads = torch.randn(VOCABULARY, 8, generator=generator, dtype=torch.float64)

    def logits(self, tokens):
        """`[L, V]` of ids `[L]`; the mask is never likely."""
        read = self.reads[tokens]
        near = read.roll(1, 0) + read.roll(-1, 0) + 0.3 * read.mean(0)
        logits = torch.einsum("lvd,ld->lv", self.table, torch.tanh(near)).float()
        logits[:, MASK] = -torch.inf
        return logits

    def __call__(self, tokens, rows, t):
        return torch.cat([self.logits(row)[wanted] for row, wanted in zip(tokens, rows, strict=True)]).log_softmax(-1)


def literal_llada(
    network, prompt, length, steps, block_length, temperature, seed, cfg_scale=0.0, random_order=False,
    logits_eos_inf=False, confidence_eos_eot_inf=False,
):  # fmt: skip
    """LLaDA's `generate` for one prompt, with the random numbers of `Noise` in their order."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.tensor([*prompt, *[MASK] * length])
    blocks = length // block_length
    for block in range(blocks):
        first, stop = len(prompt) + block * block_length, len(prompt) + (block + 1) * block_length
        inside = torch.arange(len(x)).ge(first) & torch.arange(len(x)).lt(stop)
        masks, share = block_length, steps // blocks
        for step in range(share):
            count = masks // share + (step < masks % share)
            masked = (x == MASK) & inside
            if not masked.any():
                break
            logits = network.logits(x)
            if cfg_scale:
                hidden = x.clone()
                hidden[: len(prompt)] = MASK
                without = network.logits(hidden)
                logits = without + (cfg_scale + 1) * (logits - without)
                logits[:, MASK] = -torch.inf
            if logits_eos_inf:
                logits[:, EOS] = -torch.inf
            logits = logits[masked]
            drawn = logits.argmax(-1)
            if temperature:
                uniform = torch.rand(logits.shape, generator=generator, dtype=torch.float64)
                drawn = (logits.double().exp() / (-uniform.log()) ** temperature).argmax(-1)
            if confidence_eos_eot_inf:
                logits[:, [EOS, EOT]] = -torch.inf
            confidence = logits.softmax(-1).gather(1, drawn[:, None])[:, 0]
            if random_order:
                confidence = torch.rand(len(x), generator=generator, dtype=torch.float64)[masked]
            kept = masked.nonzero()[:, 0][confidence.topk(count).indices]
            written = x.clone()
            written[masked] = drawn
            x[kept] = written[kept]
    return x.tolist()


SHAPES = (  # prompt, length, steps, block_length
    (5, 32, 32, 32),
    (5, 32, 16, 8),
    (7, 24, 12, 12),
    (3, 20, 8, 20),
    (9, 40, 40, 8),
)


def ours(network, prompt, length, sampler, steps, seed, **given):
    tokens = torch.tensor([[*prompt, *[MASK] * length]])
    *_, last = run(network, settings(sampler, steps, **given), tokens, (seed,), watch=False)
    return last.after.tokens[0].tolist()


@pytest.mark.parametrize("temperature", [0.0, 0.3, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_llada_writes_what_its_own_rule_writes(shape, temperature):
    size, length, steps, block_length = shape
    for seed in range(6):
        network = Stub(seed, size + length)
        prompt = torch.randint(20, (size,), generator=torch.Generator().manual_seed(seed)).tolist()
        expected = literal_llada(network, prompt, length, steps, block_length, temperature, seed)
        block = 0 if block_length == length else block_length
        made = ours(network, prompt, length, "llada", steps, seed, temperature=temperature, block_length=block)
        assert made == expected


@pytest.mark.parametrize(
    ("literal", "given"),
    [
        ({"cfg_scale": 0.7}, {"prompt_guidance": 1.7}),
        ({"random_order": True}, {"order": "random"}),
        ({"logits_eos_inf": True}, {"end_marks": "forbidden"}),
        ({"confidence_eos_eot_inf": True}, {"order": "ends-last"}),
        ({"cfg_scale": 0.5, "logits_eos_inf": True}, {"prompt_guidance": 1.5, "end_marks": "forbidden"}),
    ],
)
@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_lladas_options_do_what_its_own_rule_does(literal, given, temperature):
    size, length, steps, block_length = SHAPES[1]
    plain = differs = 0
    for seed in range(8):
        network = Stub(seed, size + length)
        prompt = torch.randint(20, (size,), generator=torch.Generator().manual_seed(seed)).tolist()
        expected = literal_llada(network, prompt, length, steps, block_length, temperature, seed, **literal)
        common = {"temperature": temperature, "block_length": block_length}
        assert ours(network, prompt, length, "llada", steps, seed, **common, **given) == expected
        plain += 1
        differs += expected != ours(network, prompt, length, "llada", steps, seed, **common)
        assert "logits_eos_inf" not in literal or EOS not in expected
    assert differs > plain / 2, "the option changes something"


def literal_remdm_llada(network, prompt, length, k, seed):
    """ReMDM's own loop on LLaDA (arXiv 2503.00307, Appendix D.4): 2 T calls, k least sure out and in."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.tensor([*prompt, *[MASK] * length])
    psi = torch.full((len(x),), torch.inf, dtype=torch.float64)
    first = length * 7 // 8
    for step in range(2 * length):
        loop = first <= step < first + length
        if loop:
            out = psi.topk(k, largest=False).indices
            psi[out], x[out] = torch.inf, MASK
        masked = x == MASK
        p = network.logits(x)[masked].log_softmax(-1)
        uniform = torch.rand(p.shape, generator=generator, dtype=torch.float64)
        drawn = (p.double() - (-uniform.log()).log()).argmax(-1)
        sure = p.gather(1, drawn[:, None])[:, 0].double().exp()
        kept = sure.topk(k if loop else 1).indices
        places = masked.nonzero()[:, 0][kept]
        x[places], psi[places] = drawn[kept], sure[kept]
    return x.tolist()


@pytest.mark.parametrize("k", [1, 4])
def test_remdm_on_llada_is_the_authors_loop(k):
    for seed in range(6):
        network = Stub(seed, 38)
        prompt = torch.randint(20, (6,), generator=torch.Generator().manual_seed(seed)).tolist()
        assert ours(network, prompt, 32, "remdm-llada", 64, seed, swaps=k) == literal_remdm_llada(
            network, prompt, 32, k, seed
        )


def test_the_chats_and_generates_published_settings():
    chat, plain = settings("llada-chat", 128), settings("llada-greedy", 128)
    assert (chat.truncation.temperature, chat.truncation.nucleus_p, chat.answering.block_length) == (0.0, 1.0, 32)
    assert (plain.truncation.temperature, plain.answering.block_length) == (0.0, 0)
    network = Stub(1, 133)
    expected = literal_llada(network, [1, 2, 3, 4, 5], 128, 128, 32, 0.0, 1)
    assert ours(network, [1, 2, 3, 4, 5], 128, "llada-chat", 128, 1) == expected


@dataclass
class Two(Denoiser):
    """Two positions: logits 2.0 and 1.9 at the first; 1.5 and five times 0.2 at the second."""

    mask_id: int = 7
    timed: bool = False

    def __call__(self, tokens, rows, t):
        logits = torch.full((2, 8), -30.0)
        logits[0, :2] = torch.tensor([2.0, 1.9])
        logits[1, 0], logits[1, 1:6] = 1.5, 0.2
        logits[:, 7] = -torch.inf
        return logits.expand(len(tokens), 2, 8)[rows].log_softmax(-1)


@pytest.mark.parametrize(
    ("transition", "temperature", "first"),
    [
        (TopConfidence(EvenCounts()), 0.2, 0),
        (TopConfidence(MaskgitCounts(), tempered=True), 0.2, 1),
        (TopConfidence(EvenCounts()), 0.0, 0),
    ],
)
def test_who_decodes_first_at_a_low_temperature(transition, temperature, first):
    """Tempered, the second position is the surer one: 0.99 against 0.62; as the network has it, 0.52 against 0.42."""
    x_theta = Truncated(Two(), Truncation(1.0, temperature))
    step = Step(0, 1.0, 0.5, 0.0, 0.5, left=2)
    state = start(torch.full((1, 2), 7), 7)
    seed = next(  # one that draws the likeliest token of the second position
        seed for seed in range(50)
        if int(Noise((seed,)).draw(x_theta(state.tokens, state.masked, 1.0), state.masked)[1]) == 0
    )  # fmt: skip
    record = transition(x_theta, state, step, Noise((seed,), greedy=temperature == 0))
    assert record.decoded[0].tolist() == [first == 0, first == 1]
    if not transition.tempered:
        assert record.after.psi[0, 0] in (pytest.approx(0.525, abs=1e-3), pytest.approx(0.475, abs=1e-3))


@pytest.mark.parametrize("sampler", METHODS)
def test_at_temperature_0_every_sampler_writes_the_likeliest_token(sampler):
    """Which token, not where: of each position's two tokens the one that has 0.6."""
    language = IdealDenoiser(torch.tensor([[1] * 6, [1] * 6, [1] * 6, [0] * 6, [0] * 6]), 3, 2)
    chosen = settings(sampler, 12, temperature=0.0, nucleus_p=1.0)
    *_, record = run(language, chosen, torch.full((4, 6), 2), (1, 2, 3, 4))
    assert (record.after.tokens == 1).all()
    assert (record.after.psi > 0).all() and (record.after.psi[:, 0] < 1.0001).all()


@pytest.mark.parametrize("sampler", METHODS)
def test_every_sampler_writes_block_after_block(sampler):
    """A block is finished before the next one begins, and no other position changes meanwhile."""
    network = Stub(3, 26)
    tokens = torch.tensor([[1, 2, *[MASK] * 24]])
    chosen = settings(sampler, 30, block_length=8)
    for record in run(network, chosen, tokens, (5,)):
        if record.step.block is None:
            continue
        first, stop = (2 + place for place in record.step.block)
        changed = (record.remasked | record.decoded)[0].nonzero()[:, 0]
        assert all(first <= place < stop for place in changed.tolist())
        assert record.after.given.equal(tokens != MASK)
        if record.step.left == 1 and record.step.s == 0.0 and chosen.parts["plan"] == "always":
            assert not (record.after.tokens[0, :stop] == MASK).any()
            assert (record.after.tokens[0, stop:] == MASK).all()
    assert not (record.after.tokens == MASK).any()


def test_blocks_share_the_steps():
    records = list(run(Stub(3, 26), settings("llada", 10, block_length=8), torch.tensor([[1, 2, *[MASK] * 24]]), (5,)))
    assert [record.step.block for record in records] == [(0, 8)] * 4 + [(8, 16)] * 3 + [(16, 24)] * 3
    assert [int(record.decoded.sum()) for record in records] == [2, 2, 2, 2, 3, 3, 2, 3, 3, 2]


def test_runs_with_other_numbers_of_blocks_do_not_share_a_batch():
    tokens = torch.tensor([[1, *[MASK] * 9], [1, 2, 3, 4, 5, 6, *[MASK] * 4]])
    with pytest.raises(ValueError, match=r"share a batch only where all have equally many of them, got \[1, 3\]"):
        run(Stub(3, 10), settings("llada", 6, block_length=4), tokens, (1, 2))


def test_the_prompts_guidance_counts_both_evaluations():
    tokens = torch.tensor([[1, 2, *[MASK] * 6]])
    for gamma, calls in ((1.0, 6), (2.0, 12)):
        running = run(Stub(3, 8), settings("llada", 6, prompt_guidance=gamma), tokens, (1,))
        for _ in running:
            pass
        assert running.forwards.tolist() == [calls]


def test_end_marks_cannot_be_forbidden_where_there_are_none():
    with pytest.raises(ValueError, match="end_marks can be forbidden only to a model that has any"):
        run(Two(), settings("mdlm", 2, end_marks="forbidden"), torch.full((1, 2), 7), (1,))


# Confidence


@pytest.mark.parametrize(
    ("sampler", "expected"), [("remdm-conf", (0.998, 0.993, 0.833)), ("remdm-conf-mean", (0.750, 0.495, 0.240))]
)
def test_how_many_masks_are_left_with_confidence(sampler, expected):
    """T = 512, L = 128, at a quarter, half and three quarters of the run, by the paper's code and in ours."""
    truth = IdealDenoiser(torch.zeros(1, 128, dtype=torch.int64), 2, 1)
    shares = [
        record.after.masked.double().mean().item()
        for record in run(truth, settings(sampler, 512), torch.full((48, 128), 1), tuple(range(48)), watch=False)
    ]
    assert [shares[place] for place in (127, 255, 383)] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("plan", ["loop", "loop-times", "draft"])
def test_inside_a_loop_confidence_keeps_the_marginals(plan):
    assert settings("remdm-conf", 64).values["masked_sigma"] == "zero"
    assert settings("remdm-conf", 64, plan=plan).values["masked_sigma"] == "mean"
    assert settings("remdm-loop", 64, weighting="conf").values["masked_sigma"] == "mean"


# MaskGIT


def test_maskgit_runs_on_the_cosine_schedule():
    """floor(256 cos(pi i / 16)) masks are left after the i-th of 8 steps (arXiv 2202.04200, section 3.2)."""
    chosen = settings("maskgit", 8)
    truth = IdealDenoiser(torch.zeros(1, 256, dtype=torch.int64), 2, 1)
    records = run(truth, chosen, torch.full((1, 256), 1), (7,), watch=False)
    left = [int(record.after.masked.sum()) for record in records]
    assert chosen.schedule == "maskgit-cosine" and left == [floor(256 * cos(pi * i / 16)) for i in range(1, 8)] + [0]
    linear = run(truth, settings("maskgit", 8, schedule="linear"), torch.full((1, 256), 1), (7,), watch=False)
    assert [int(record.after.masked.sum()) for record in linear] == [224, 192, 160, 128, 96, 64, 32, 0]


# The loop


def test_what_eta_has_no_effect_above():
    for alpha_on, bound in ((0.9, 0.1111), (0.7, 0.4286), (0.5, 1.0)):
        assert largest_eta(settings("remdm-loop", 64, alpha_on=alpha_on)) == pytest.approx(bound, abs=1e-4)
    assert largest_eta(settings("remdm-cap", 64)) is None
    truth = IdealDenoiser(torch.arange(64)[None] % 7, 8, 7)
    made = [
        [record.after.tokens.tolist() for record in run(truth, chosen, torch.full((2, 64), 7), (1, 2), watch=False)]
        for chosen in (settings("remdm-loop", 40, eta=eta) for eta in (0.112, 0.9))
    ]
    assert made[0] == made[1]
