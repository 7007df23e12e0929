import json
from dataclasses import replace

import pytest
import torch

from remdm.domains.text.checker import check
from remdm.domains.text.domain import DOMAIN
from remdm.domains.text.storyworld import entropy
from remdm.domains.text.train import story_batch
from remdm.models import checkpoints
from remdm.models.checkpoints import CheckpointError, is_embedded, load_embedded
from remdm.models.network import compute
from remdm.runs.trace_file import load
from remdm.sampling.methods import run, settings
from remdm.sampling.nelbo import mdlm_nelbo, stratified_times
from remdm.views.numbers import counts

PLAIN = replace(compute("cpu"), dtype=torch.float32)


@pytest.fixture(scope="module")
def stories():
    return load_embedded("stories", PLAIN)


def nelbo(model, x):
    generator = torch.Generator().manual_seed(1)

    def log_x(z, rows):
        return model.denoiser(z, rows, 0.0)

    return mdlm_nelbo(log_x, x, stratified_times(len(x), generator), model.mask_id, generator).mean().item()


def test_the_story_model_knows_the_worlds_heldout_stories(stories):
    """On held-out combinations: not far above the world's own entropy, and not below it, which no model can be."""
    nats = nelbo(stories, story_batch(10_000, 64, "heldout")) * stories.length
    world, _ = entropy(500)
    assert world * 0.9 < nats < 2 * world


@pytest.mark.slow
def test_remasking_repairs_what_mdlm_leaves(stories):
    """With the paper's preset, too, the share of sentences that the checker passes is higher with remasking."""
    model = DOMAIN.model("stories")
    shares = {}
    for sampler in ("mdlm", "remdm-cap"):
        start = torch.full((8, stories.length), stories.mask_id)
        for record in run(stories.denoiser, settings(sampler, 128), start, tuple(range(8)), watch=False):
            last = record.after.tokens
        sentences = good = 0
        for ids in last.tolist():
            words = [model.piece(token, stories).strip() for token in ids]
            spans = check([word for word in words if not word.startswith("<")]).sentences
            sentences, good = sentences + len(spans), good + sum(span.status == "ok" for span in spans)
        shares[sampler] = good / sentences
    assert shares["remdm-cap"] > shares["mdlm"] + 0.05


@pytest.mark.parametrize("name", [model.name for model in DOMAIN.models if is_embedded(model.name)])
def test_every_embedded_model_loads_and_is_described(name):
    model = DOMAIN.model(name)
    loaded = model.load(PLAIN)
    x_theta = loaded.denoiser(torch.full((1, model.length), loaded.mask_id), torch.ones(1, model.length).bool(), 1.0)
    assert torch.allclose(x_theta.exp().sum(-1), torch.ones(model.length), atol=1e-4)
    assert (x_theta[:, loaded.mask_id] == -torch.inf).all()
    folder = checkpoints.ROOT / name
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["shape"]["length"] == model.length
    assert (folder / "README.md").read_text(encoding="utf-8").strip()


def test_a_missing_file_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoints, "ROOT", tmp_path)
    with pytest.raises(CheckpointError, match=r"lacks config.json and model.safetensors and tokenizer.json"):
        load_embedded("absent", PLAIN)


def test_the_recorded_run_prints_alike_with_the_tokenizer_that_ships(stories):
    """Its start replays to its text, and it shows what the page is for: remasking, and words that came back."""
    trace = load(checkpoints.ROOT.parent / "assets" / "recorded" / "text.json.gz")
    model = DOMAIN.model("stories")
    assert trace.run["model"] == "stories" and trace.text == model.text(trace.final, stories)
    assert all(model.piece(token, stories) == word for token, word in trace.words.items())
    total = counts(trace)
    assert total.remasked.sum() > 20 and total.revised > 5
