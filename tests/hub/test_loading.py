"""Loading public models: download, folders, families, and refusals of one sentence each."""

import json
import pickle
import shutil
import threading
from dataclasses import replace

import huggingface_hub
import pytest
import torch
from public_hub import COMMIT, GATED, serving
from safetensors.torch import load_file, save_file

from remdm import cli, limits
from remdm.cli import sample
from remdm.domains.text.domain import DOMAIN
from remdm.hub import catalog, download, loading, memory, store
from remdm.hub.catalog import ENTRIES, Source
from remdm.hub.download import fetch
from remdm.hub.loading import find, load
from remdm.hub.text import has_turn
from remdm.models.checkpoints import CheckpointError
from remdm.models.dit_files import load_hub_folder
from remdm.models.network import compute
from remdm.runs import trace_file
from remdm.runs.record import record
from remdm.runs.request import RunRequest
from remdm.sampling.methods import run, settings
from remdm.studies.reproduce.public_files import halton_file, llada_folder, maskgit_file, mdlm_folder, vq_file

PLAIN = replace(compute("cpu"), dtype=torch.float32)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """No hub, and empty caches of files and of models."""
    monkeypatch.setattr(download, "ENDPOINT", NOWHERE)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    for name in (store.LOCAL, "REMDM_MODELS", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    loading.MODEL_CACHE.empty()


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub with an MDLM, GPT-2's tokenizer, and a picture model that lacks a file."""
    mdlm_folder(tmp_path / "hub" / "mdlm")
    (tmp_path / "hub" / "gpt2").mkdir()
    shutil.move(tmp_path / "hub" / "mdlm" / "tokenizer.json", tmp_path / "hub" / "gpt2" / "tokenizer.json")
    (tmp_path / "hub" / "mdlm" / "modeling_mdlm.py").write_text("raise SystemExit('executed')", encoding="utf-8")
    repos = {"some/mdlm": tmp_path / "hub" / "mdlm", "openai-community/gpt2": tmp_path / "hub" / "gpt2"}
    with serving(repos) as server:
        monkeypatch.setattr(download, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield server


def sampled(checkpoint, length=32, batch=2):
    """The final tokens of a run with remasking."""
    start = torch.full((batch, length), checkpoint.mask_id)
    for made in run(checkpoint.denoiser, settings("remdm-conf", 8), start, tuple(range(batch)), watch=False):
        last = made.after.tokens
    assert (last != checkpoint.mask_id).all()
    return last


# Download


def test_a_hub_id_is_downloaded_with_what_its_family_needs_and_runs(hub, tmp_path):
    """Weights, config and tokenizer come; the repository's code does not."""
    loaded = load("some/mdlm", PLAIN)
    sampled(loaded)
    tokens = torch.arange(20)[None]
    torch.testing.assert_close(
        loaded.denoiser.network(tokens), load_hub_folder(tmp_path / "hub" / "mdlm")(tokens), rtol=0, atol=0
    )
    assert not any("modeling" in path for path in hub.asked)
    asked = len(hub.asked)
    loading.MODEL_CACHE.empty()
    load("some/mdlm", PLAIN)
    assert len(hub.asked) == asked, "what is in the cache is not asked for again"


def test_progress_is_reported_in_bytes_and_ends_complete(hub, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1024)
    hub.goes_on.clear()
    source, allowed = Source("some/mdlm"), []
    reports = fetch(source, allowed.append)
    seen = [next(reports)]
    hub.halfway.wait(20)
    while seen[-1].done * 3 < seen[-1].total and len(seen) < 40:
        seen.append(next(reports))
    assert 0 < seen[-1].done < seen[-1].total == allowed[0]
    assert seen[-1].sentence.startswith("Downloading model.safetensors: ")
    hub.goes_on.set()
    list(reports)
    assert store.found(source) is not None


def test_a_download_can_be_called_off(hub, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1024)
    hub.goes_on.clear()
    reports = fetch(Source("some/mdlm"), lambda total: None)
    next(reports)
    hub.halfway.wait(20)
    reports.close()
    hub.goes_on.set()
    for thread in threading.enumerate():
        if thread.name == download.THREAD:
            thread.join(20)
    assert store.found(Source("some/mdlm")) is None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no/such", "The hub has no public model no/such"),
        (GATED, "closed/model is gated: accept its terms at https://huggingface.co/closed/model"),
        ("openai-community/gpt2", "has no *.safetensors and no pytorch_model.bin"),
        ("bad/id!", "is neither a folder here nor a hub id"),
        ("/no/folder", "There is no folder /no/folder"),
        ("kuleshov-group/udlm-qm9", "uniform noise"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(hub, name, says):
    with pytest.raises(CheckpointError) as refusal:
        DOMAIN.model(name).load(PLAIN)
    assert says in str(refusal.value) and "\n" not in str(refusal.value) and str(refusal.value).endswith(".")


def test_a_name_that_is_neither_is_answered_with_those_there_are(hub):
    with pytest.raises(ValueError, match=r"model must be one of stories, .*, a hub id or a folder, got storys"):
        DOMAIN.model("storys")
    assert hub.asked == []


def test_a_missing_file_of_the_catalog_is_named(hub, tmp_path):
    hub.repos["kuleshov-group/mdlm-owt"] = tmp_path / "hub" / "gpt2"
    with pytest.raises(CheckpointError, match=r"mdlm-owt has no config.json and no model.safetensors"):
        load("mdlm-owt", PLAIN)


def test_no_hub_is_one_sentence():
    with pytest.raises(CheckpointError, match=r"^The model hub cannot be reached, so kuleshov-group/mdlm-owt cannot"):
        load("mdlm-owt", PLAIN)


def test_a_full_disk_is_noticed_before_the_download(hub, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 5))
    with pytest.raises(CheckpointError, match="the disk of the hub's cache has"):
        load("some/mdlm", PLAIN)
    assert not any("resolve" in path for path in hub.asked)


def test_a_cache_that_lacks_one_of_several_weights_files_is_not_complete(tmp_path):
    """As an interrupted download leaves it, whichever client began it."""
    repo = tmp_path / "cache" / "models--some--llada"
    snapshot = repo / "snapshots" / COMMIT
    llada_folder(snapshot)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT)
    assert store.found(Source("some/llada")) == store.found(Source("some/llada", ("tokenizer.json",))) == snapshot
    assert store.found(Source("some/llada", ("vocab.json",))) is None
    next(snapshot.glob("model-*.safetensors")).unlink()
    assert store.found(Source("some/llada")) is None


# Memory


def test_what_does_not_fit_is_refused_before_anything_is_read(hub, monkeypatch):
    monkeypatch.setattr(memory, "free", lambda device: 500_000_000)
    with pytest.raises(CheckpointError, match=r"mdlm-owt takes about 814 MB of memory, but 500 MB are free"):
        load("mdlm-owt", PLAIN)
    assert hub.asked == []


def test_a_download_that_needs_room_gets_it_from_other_models(hub, tmp_path, monkeypatch):
    mdlm_folder(tmp_path / "a")
    load(str(tmp_path / "a"), PLAIN)
    monkeypatch.setattr(memory, "free", lambda device: 0 if loading.MODEL_CACHE.peek(str(tmp_path / "a")) else 1 << 40)
    hub.repos["kuleshov-group/mdlm-owt"] = hub.repos["some/mdlm"]
    load("mdlm-owt", PLAIN)


def test_eight_billion_weights_are_not_offered_on_a_cpu():
    with pytest.raises(CheckpointError, match="8.0 billion weights, which needs a GPU"):
        load("llada-8b-instruct", PLAIN)


def test_other_models_make_room(tmp_path, monkeypatch):
    """What was loaded before goes if the next one finds no room, and only then."""
    for name in ("a", "b", "c"):
        mdlm_folder(tmp_path / name)
    load(str(tmp_path / "a"), PLAIN)
    load(str(tmp_path / "b"), PLAIN)
    assert loading.MODEL_CACHE.peek(str(tmp_path / "a")) is not None
    monkeypatch.setattr(memory, "free", lambda device: 0 if loading.MODEL_CACHE.peek(str(tmp_path / "a")) else 1 << 40)
    load(str(tmp_path / "c"), PLAIN)
    assert (
        loading.MODEL_CACHE.peek(str(tmp_path / "a")) is None
        and loading.MODEL_CACHE.peek(str(tmp_path / "c")) is not None
    )


def test_weights_are_counted_by_their_headers(tmp_path):
    state = mdlm_folder(tmp_path / "a")
    assert memory.count(tmp_path / "a") == sum(value.numel() for value in state.values()) + 8


# Folders


def test_a_folder_stands_in_for_the_hub(tmp_path, monkeypatch):
    """Under the repository's name, or under its last part alone."""
    for place in ("kuleshov-group/mdlm-owt", "mdlm-owt"):
        root = tmp_path / place.replace("/", "-")
        mdlm_folder(root / place)
        monkeypatch.setenv(store.LOCAL, str(root))
        loading.MODEL_CACHE.empty()
        sampled(load("mdlm-owt", PLAIN))


def test_a_lightning_file_gives_its_averaged_weights(tmp_path):
    averaged = mdlm_folder(tmp_path / "a")
    written = load_file(tmp_path / "a" / "model.safetensors")
    plain = {name: torch.zeros_like(value) for name, value in written.items()}
    plain["backbone.rotary_emb.inv_freq"] = written["backbone.rotary_emb.inv_freq"]
    average = {"decay": 0.9999, "shadow_params": list(averaged.values())}
    torch.save({"state_dict": plain, "ema": average}, tmp_path / "mdlm.ckpt")
    shutil.copy(tmp_path / "a" / "tokenizer.json", tmp_path)
    tokens = torch.arange(20)[None]
    from_file, from_folder = (load(str(tmp_path / name), PLAIN).denoiser.network for name in ("mdlm.ckpt", "a"))
    torch.testing.assert_close(from_file(tokens), from_folder(tokens))


def test_rotary_frequencies_stay_exact_in_bfloat16(tmp_path):
    mdlm_folder(tmp_path / "a")
    network = load(str(tmp_path / "a"), replace(PLAIN, dtype=torch.bfloat16)).denoiser.network
    assert network.vocab_embed.embedding.dtype == torch.bfloat16 and network.rotary_emb.inv_freq.dtype == torch.float32


def test_a_wrong_tokenizer_is_refused(tmp_path):
    mdlm_folder(tmp_path / "a")
    tokenizer = json.loads((tmp_path / "a" / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"] |= {"more": 258}
    (tmp_path / "a" / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    with pytest.raises(CheckpointError, match="tokenizer must have 257 tokens besides the mask, got 258"):
        load(str(tmp_path / "a"), PLAIN)


def test_a_broken_tokenizer_is_one_sentence(tmp_path):
    mdlm_folder(tmp_path / "a")
    (tmp_path / "a" / "tokenizer.json").write_text('{"model": 3}', encoding="utf-8")
    with pytest.raises(CheckpointError, match="^a cannot be loaded: tokenizer.json is not a tokenizer: "):
        load("a", PLAIN)


@pytest.mark.parametrize("name", ["x/" * 3000, "~nobody/at/all", "a/" + "b" * 300, "/root\0/x"])
def test_hostile_names_are_refused_like_others(name):
    with pytest.raises((CheckpointError, ValueError)) as refusal:
        DOMAIN.model(name).load(PLAIN)
    assert len(str(refusal.value)) < 500


def test_a_mismatch_is_named_without_this_machines_paths(tmp_path):
    mdlm_folder(tmp_path / "a")
    state = load_file(tmp_path / "a" / "model.safetensors")
    state.pop("backbone.blocks.1.norm2.weight")
    save_file(state, tmp_path / "a" / "model.safetensors")
    with pytest.raises(
        CheckpointError, match="lacks 1 of this architecture's tensors: blocks.1.norm2.weight"
    ) as refusal:
        load("a", PLAIN)
    assert str(tmp_path) not in str(refusal.value)


@pytest.mark.parametrize("content", ["[]", "{", '{"model_type": "udlm"}'])
def test_a_config_that_will_not_do(tmp_path, content):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match="uniform noise|not a JSON object"):
        DOMAIN.model("a")


@pytest.fixture
def public(monkeypatch):
    monkeypatch.setattr(limits, "_row", limits.PUBLIC)


def test_a_public_server_offers_what_is_listed(public):
    assert find("mdlm-owt").name == find("kuleshov-group/mdlm-owt").name == "mdlm-owt"
    assert DOMAIN.model("mdlm-owt").name == "mdlm-owt"


ANYWHERE = ("/", "/root", "/etc", "/proc/self", ".", "..", "~", "~root", "a", "../a", "b/../../a", "some/model",
            "no/pe", "/no/such/folder", "x" * 5000, "a\0b", "\ud83d", "models/../../a", "models")  # fmt: skip


@pytest.mark.parametrize("name", ANYWHERE)
def test_a_public_server_says_the_same_of_whatever_is_not_listed(name, public, tmp_path, monkeypatch):
    """Nobody learns which folders exist, or makes it load what they like."""
    mdlm_folder(tmp_path / "a")
    mdlm_folder(tmp_path / "models" / "mine")
    monkeypatch.setenv("REMDM_MODELS", str(tmp_path / "models"))
    for asked in (name, str(tmp_path / name) if "\0" not in name else name):
        with pytest.raises(CheckpointError, match="is not among the models that this server offers: mdlm-owt"):
            find(asked)
        with pytest.raises((ValueError, CheckpointError), match="model must be one of|is not among the models"):
            DOMAIN.model(asked)


def test_a_public_server_offers_what_lies_below_its_own_folder(public, tmp_path, monkeypatch):
    mdlm_folder(tmp_path / "models" / "mine")
    monkeypatch.setenv("REMDM_MODELS", str(tmp_path / "models"))
    for name in ("mine", "any/mine", str(tmp_path / "models" / "mine")):
        assert find(name).family == "mdlm"
    monkeypatch.delenv("REMDM_MODELS")
    with pytest.raises(CheckpointError, match="is not among the models"):
        find("mine")


def test_downloads_share_a_budget(hub, monkeypatch, tmp_path):
    monkeypatch.setattr(limits, "_row", replace(limits.PUBLIC, downloads=1000))
    with pytest.raises(CheckpointError, match="this server has .* left for downloads; choose a smaller model"):
        list(fetch(catalog.GPT2, lambda total: None))
    monkeypatch.setattr(limits, "_row", limits.PUBLIC)
    list(fetch(catalog.GPT2, lambda total: None))
    file = store.found(catalog.GPT2) / "tokenizer.json"
    assert file.stat().st_size <= download._taken(tmp_path / "cache") < 1.5 * file.stat().st_size, "links count once"


# In the text domain


def request(name, prompt, length=64, **more):
    return RunRequest(DOMAIN, DOMAIN.model(name), prompt, length, settings("remdm-conf", 8), 3, **more)


def test_mdlm_writes_around_a_prompt(tmp_path):
    mdlm_folder(tmp_path / "a")
    trace = record(request("a", "Hi _ you ..."))
    loaded = loading.MODEL_CACHE.peek("a")
    end = loaded.tokenizer.token_to_id("<|endoftext|>")
    spelled = [loaded.tokenizer.id_to_token(token) for token in trace.start[:9]]
    assert spelled == ["<|endoftext|>", "H", "i", "<mask>", "Ġ", "y", "o", "u", "<mask>"]
    assert set(record(request("a", "")).start) == {loaded.mask_id}
    assert trace.start[0] == trace.final[0] == end and trace.text.startswith("Hi")
    with pytest.raises(ValueError, match="The prompt takes 101 positions, but there are 64; shorten it"):
        record(request("a", "x" * 100 + "..."))


def test_llada_answers_a_question(tmp_path):
    """The question stands in the model's own turn; printed is the answer, up to its end."""
    llada_folder(tmp_path / "Tiny-1.5", chat=True)
    trace = record(request("Tiny-1.5", "Why?", length=24))
    loaded = loading.MODEL_CACHE.peek("Tiny-1.5")
    assert trace.start.count(loaded.mask_id) == 24, "the length is the answer's"
    assert loaded.denoiser.end_ids == (loaded.frame.fill_id, loaded.tokenizer.token_to_id("<|eot_id|>"))
    asked = loaded.tokenizer.decode(
        [token for token in trace.start if token != loaded.mask_id], skip_special_tokens=False
    )
    assert asked == (
        "<|startoftext|><|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    given = [token for token in trace.start if token != loaded.mask_id]
    yes, no = (loaded.tokenizer.encode(word).ids for word in ("yes", "no"))
    end = loaded.tokenizer.token_to_id("<|eot_id|>")
    assert DOMAIN.model("Tiny-1.5").text([*given, *yes, end, *no], loaded) == "yes"


def test_the_chat_template_decides_about_the_turn(tmp_path):
    for name, chat in (("Tiny-Instruct", False), ("Tiny-1.5", True)):
        llada_folder(tmp_path / name, chat=chat)
        assert (load(name, PLAIN).frame.turn is not None) == chat
        assert (DOMAIN.model(name).prompt_help == "A question.") == chat
    (tmp_path / "Tiny-1.5" / "tokenizer_config.json").write_text("[", encoding="utf-8")
    assert not has_turn(tmp_path / "Tiny-1.5")
    (tmp_path / "Tiny-1.5" / "chat_template.jinja").write_text("<|start_header_id|>user", encoding="utf-8")
    assert has_turn(tmp_path / "Tiny-1.5")


def test_llada_base_goes_on_and_stops(tmp_path):
    llada_folder(tmp_path / "Tiny-Base")
    loaded = load("Tiny-Base", PLAIN)
    model = DOMAIN.model("Tiny-Base")
    open_end, closed = model.start("Hi ...", 12, loaded).tolist(), model.start("Hi _", 12, loaded).tolist()
    stop = loaded.frame.fill_id
    assert open_end[3:] == [loaded.mask_id] * 12
    assert closed[3:] == [loaded.mask_id, *[stop] * 8] and loaded.frame.turn is None


def test_a_request_for_a_public_model_can_be_sent_to_another_process(tmp_path):
    """ZeroGPU pickles what it hands to the process that has the GPU."""
    mdlm_folder(tmp_path / "a")
    sent = pickle.loads(pickle.dumps(request("a", "Hi ...")))
    assert record(sent).final == record(request("a", "Hi ...")).final


def test_every_entry_has_settings_that_can_be_run():
    for entry in ENTRIES.values():
        given = {name: value for name, value in entry.defaults.items() if not name.startswith("guidance_")}
        settings(given.pop("sampler"), given.pop("steps"), **given)
        assert entry.family in loading.FAMILIES and loading.FAMILIES[entry.family].kind == entry.kind
    assert not set(catalog.REFUSED) & {entry.repo for entry in ENTRIES.values()}


# Pictures


def picture_folder(folder, family):
    if family == "halton":
        folder.mkdir()
        halton_file(folder / "ImageNet_256_base.pth")
        vq_file(folder / "vq_ds16_c2i.pt", taming=False)
    else:
        maskgit_file(folder / "pretrained_maskgit" / "MaskGIT" / "MaskGIT_ImageNet_256.pth")
        vq_file(folder / "pretrained_maskgit" / "VQGAN" / "last.ckpt", taming=True)


@pytest.mark.parametrize(
    ("family", "name", "place"),
    [
        ("halton", "halton-256-base", "Halton-MaskGIT"),
        ("maskgit", "maskgit-256", "Maskgit-pytorch"),
        ("halton", "a", "a"),
        ("maskgit", "a", "a"),
    ],
)
def test_picture_models_load_from_folders_and_draw(tmp_path, monkeypatch, family, name, place):
    monkeypatch.setenv(store.LOCAL, str(tmp_path))
    picture_folder(tmp_path / place, family)
    loaded = load(name, PLAIN)
    assert (loaded.side, loaded.mask_id, loaded.null) == (4, 40, 1000)
    codes = sampled(loaded, 16)
    assert codes.max() < 40 and loaded.pictures(codes).shape == (2, 8, 8, 3)
    rows = torch.ones(1, 16, dtype=torch.bool)
    start = torch.full((1, 16), 40)
    cat, dog = (loaded.of(label)(start, rows, 1.0) for label in (281, 207))
    assert not torch.allclose(cat[:, :40], dog[:, :40]) and (cat[:, 40] == -torch.inf).all()


def test_a_decoder_of_another_codebook_is_refused(tmp_path):
    picture_folder(tmp_path / "a", "halton")
    vq_file(tmp_path / "a" / "vq_ds16_c2i.pt", taming=False, codes=41)
    with pytest.raises(CheckpointError, match="draws 40 codes, but its decoder has 41"):
        load("a", PLAIN)


# Without a page


def test_the_command_line_takes_the_models_own_settings(tmp_path, monkeypatch, capsys):
    """mdlm-owt's: the paper's for few steps. Flags win, and another sampler takes over only how tokens are drawn."""
    mdlm_folder(tmp_path / "mdlm-owt", length=64)
    monkeypatch.setenv(store.LOCAL, str(tmp_path))
    cli.main(["sample", "text", "--model", "mdlm-owt", "--length", "64", "--steps", "4", "--out", "a.json"])
    ours = trace_file.load(tmp_path / "a.json").run
    assert (ours["sampler"], ours["steps"], ours["settings"]["eta"]) == ("remdm-cap", 4, 0.04)
    flags = ["sample", "text", "--sampler", "fb"]
    made = sample.chosen(DOMAIN.model("llada-8b-base"), cli.parser(flags).parse_args(flags))
    assert (made.sampler, made.steps, made.truncation.nucleus_p) == ("fb", 256, 1.0)


def test_models_are_listed_and_measured(tmp_path, monkeypatch, capsys):
    mdlm_folder(tmp_path / "kuleshov-group" / "mdlm-owt")
    mdlm_folder(tmp_path / "mine")
    monkeypatch.setenv(store.LOCAL, str(tmp_path))
    cli.main(["models"])
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert lines["stories"].endswith("checkpoints/stories") and "hub: GSAI-ML/LLaDA-8B-Base" in lines["llada-8b-base"]
    cli.main(["models", "--measure", "mine", "--device", "cpu"])
    report = json.loads(capsys.readouterr().out)
    state = mdlm_folder(tmp_path / "again")
    assert report["weights"] == sum(value.numel() for value in state.values()) and report["positions"] == 64


def test_published_shapes_have_the_published_sizes(capsys):
    """679 MB in float32, and 291 tensors of 16 GB in bfloat16: built without memory."""
    for name, weights, tensors in (("mdlm-owt", 169_627_218, 131), ("llada-8b", 8_015_581_184, 291)):
        cli.main(["models", "--skeleton", name])
        report = json.loads(capsys.readouterr().out)
        assert (report["weights"], report["tensors"]) == (weights, tensors)
        assert {entry.weights for entry in ENTRIES.values() if entry.name.startswith(name)} == {weights}
