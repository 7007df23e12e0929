"""Public models in the picture and Countdown domains: classes by name, guidance, the paper's prompt, the checker."""

from dataclasses import dataclass, replace

import pytest
import torch

from remdm.domains.countdown import llada
from remdm.domains.countdown.problems import Problem
from remdm.domains.image import imagenet
from remdm.domains.image.imagenet import ANY, NAMES
from remdm.hub import loading, store
from remdm.hub.loading import load
from remdm.models.labels import LabelDenoiser
from remdm.models.network import compute
from remdm.runs.domain import Domain
from remdm.runs.record import record, together
from remdm.runs.request import RunRequest
from remdm.runs.tokens import TokenView
from remdm.sampling.methods import settings
from remdm.studies.reproduce.public_files import halton_file, llada_folder, maskgit_file, vq_file

PLAIN = replace(compute("cpu"), dtype=torch.float32)


def named(name):
    return next(model for model in imagenet.MODELS if model.name == name)


@dataclass(frozen=True)
class Asked:
    category: str = ANY
    style: str = ANY
    guidance_scale: float = 1.0
    guidance_schedule: str = "constant"


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    monkeypatch.setenv(store.LOCAL, str(tmp_path))
    loading.MODEL_CACHE.empty()


def halton(tmp_path):
    (tmp_path / "Halton-MaskGIT").mkdir()
    halton_file(tmp_path / "Halton-MaskGIT" / "ImageNet_256_base.pth")
    vq_file(tmp_path / "Halton-MaskGIT" / "vq_ds16_c2i.pt", taming=False)
    return load("halton-256-base", PLAIN), named("halton-256-base")


def test_a_thousand_classes_have_names_that_differ():
    assert len(NAMES) == len(set(NAMES)) == 1000 and ANY not in NAMES
    known = {0: "tench", 1: "goldfish", 207: "Golden Retriever", 388: "giant panda", 985: "daisy", 999: "toilet paper"}
    assert all(NAMES[label] == name for label, name in known.items())


def test_guidance_is_the_published_formula(tmp_path):
    """softmax((1 + w) cond - w uncond) over raw logits, in MaskGIT's convention, is ours at gamma = 1 + w."""
    loaded, model = halton(tmp_path)
    tokens = torch.full((2, 16), 40)
    tokens[:, 3] = 7
    rows, w = tokens == 40, 1.5
    asked = Asked(category="Golden Retriever", guidance_scale=1 + w)
    network = loaded.denoiser.network
    with torch.inference_mode():
        cond, uncond = (network(tokens, torch.tensor([label] * 2))[rows] for label in (207, 1000))
    mixed = ((1 + w) * cond - w * uncond)[:, :40].softmax(-1)
    ours = model.denoiser(loaded, asked)(tokens, rows, 0.5).exp()
    torch.testing.assert_close(ours[:, :40], mixed, rtol=1e-4, atol=1e-6)
    assert (ours[:, 40] == 0).all()


def test_any_is_the_dropped_class_and_an_unknown_one_is_refused(tmp_path):
    loaded, model = halton(tmp_path)
    free = model.denoiser(loaded, Asked(category=ANY, guidance_scale=3.0))
    assert isinstance(free, LabelDenoiser) and free.label == loaded.null == 1000
    with pytest.raises(ValueError, match="ImageNet has no class unicorn"):
        model.denoiser(loaded, Asked(category="unicorn", guidance_scale=1.0))


def test_a_finished_picture_is_drawn_and_an_unfinished_one_is_not_invented(tmp_path):
    loaded, model = halton(tmp_path)
    whole, open_one = TokenView(tuple(range(16)), 40), TokenView((40, *range(1, 16)), 40)
    picture = model.scene(whole)["picture"]
    assert picture.startswith("data:image/webp;base64,")
    assert model.scene(open_one) is None, "on a CPU the decoder is too slow for every step"
    assert 'alt="a finished picture"' in model.tile(whole)
    assert 'alt="15 of 16 cells known"' in model.tile(open_one)
    loading.MODEL_CACHE.empty()
    assert model.scene(whole) is None and "<img" in model.tile(whole), "a saved trace opens without the model"


def test_a_whole_picture_run(tmp_path):
    folder = tmp_path / "Maskgit-pytorch" / "pretrained_maskgit"
    maskgit_file(folder / "MaskGIT" / "MaskGIT_ImageNet_256.pth")
    vq_file(folder / "VQGAN" / "last.ckpt", taming=True)
    model = replace(named("maskgit-256"), length=16)
    domain = Domain("image", "Pictures", (model,), ask=Asked)
    chosen = settings("remdm-rescale", 8, eta=0.3, nucleus_p=1.0)
    trace = record(RunRequest(domain, model, "", 16, chosen, 5, asked=Asked("goldfish", guidance_scale=2.0)))
    assert len(trace.text.split()) == 16 and max(map(int, trace.text.split())) < 40
    assert any(step.remasked for step in trace.steps)


# Countdown


def tiny_llada(tmp_path):
    llada_folder(tmp_path / "LLaDA-8B-Instruct", max_sequence_length=1024)
    return load("llada-8b-instruct", PLAIN), llada.MODELS[0]


def test_llada_gets_the_papers_prompt_and_32_positions(tmp_path):
    loaded, model = tiny_llada(tmp_path)
    ids = model.start("3, 5, 7 = 26", model.length, loaded)
    assert (ids[-32:] == loaded.mask_id).all() and not (ids[:-32] == loaded.mask_id).any()
    assert loaded.tokenizer.decode(ids[:-32].tolist(), skip_special_tokens=False) == (
        "Question: Using the numbers [44, 2, 54], create an equation that equals 64.\n"
        "Answer:  2*54=108,108-44=64\n\n"
        "Question: Using the numbers [22, 11, 44], create an equation that equals 26.\n"
        "Answer:  44/11=4,22+4=26\n\n"
        "Question: Using the numbers [2, 62, 96], create an equation that equals 79.\n"
        "Answer:  62+96=158,158/2=79\n\n"
        "Question: Using the numbers [52, 20, 21], create an equation that equals 53.\n"
        "Answer:  52-20=32,21+32=53\n\n"
        "Question: Using the numbers [3, 5, 7], create an equation that equals 26.\n"
        "Answer: "
    )
    assert (model.defaults["sampler"], model.defaults["steps"]) == ("remdm-llada", 64)
    with pytest.raises(ValueError, match="Write three numbers and a target"):
        model.start("3, 5 = 8", 32, loaded)


def view(answer, model, loaded):
    """A sequence with this answer in it, `_` where masked, and where it begins."""
    ids = model.start("3, 5, 7 = 26", 32, loaded).tolist()
    begin = ids.index(loaded.mask_id)
    spelled = [loaded.mask_id if sign == "_" else loaded.tokenizer.encode(sign).ids[0] for sign in answer]
    end = loaded.tokenizer.token_to_id("<|endoftext|>")
    ids[begin : begin + 32] = (spelled + [end] * 32)[:32]
    return begin, TokenView(tuple(ids), loaded.mask_id, {token: model.piece(token, loaded) for token in ids})


@pytest.mark.parametrize(
    ("answer", "states", "correct"),
    [
        ("3*7=21,21+5=26", ["right", "right"], True),
        ("3*7=22,22+4=26", ["wrong", "right"], False),
        ("3*7=2_,21+5=26", ["open", "right"], False),
        ("______________", ["open"], False),
    ],
)
def test_the_checker_reads_pieces(tmp_path, answer, states, correct):
    loaded, model = tiny_llada(tmp_path)
    begin, state = view(answer, model, loaded)
    found = llada.verdict(state)
    assert found.problem == Problem((3, 5, 7), 26)
    assert [line.state for line in found.lines] == states and found.correct == correct
    shown = model.scene(state)
    assert shown["lines"][0]["positions"][0] == begin
    if correct:
        assert model.issues(state) == () and shown["state"] == "right"
        assert model.text(state.ids, loaded) == f"{found.problem.question} {answer}"
        assert model.numbers([state, state])[0][1] == "2 of 2"
    if "22" in answer:
        wrong = [issue for issue in model.issues(state) if issue.kind == "equation"]
        assert wrong[0].positions == tuple(range(begin, begin + 6)) and "is 21, not 22" in wrong[0].message


@pytest.mark.parametrize("words", [{}, {5: "Answer:" * 9}, {5: "numbers[1,2,3],createanequationthatequals" + "9" * 90}])
def test_tokens_without_a_problem_have_nothing_to_check(words):
    state, model = TokenView((5,) * 99, 0, words), llada.MODELS[0]
    assert llada.verdict(state) is None and model.issues(state) == () and model.scene(state) is None
    assert model.numbers([state])[0][1] == "0 of 1"


def test_llada_on_countdown_runs(tmp_path):
    loaded, model = tiny_llada(tmp_path)
    domain = Domain("countdown", "Countdown", (model,))
    chosen = settings("remdm-llada", 32, nucleus_p=1.0)
    trace = record(RunRequest(domain, model, "", 32, chosen, 5))
    several = together([RunRequest(domain, model, prompt, 32, chosen, 5) for prompt in ("3, 5, 7 = 26", "13 5 7 26")])
    *_, last = several.steps()
    assert len(last) == 2 and len({len(run.start) for run in several.runs}) == 2
    assert trace.text.startswith("Question: Using the numbers [") and loaded.mask_id not in trace.final
