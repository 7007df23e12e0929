"""Files as people have them: cut short, pointers, of another model, compiled, in several copies, and not for us."""

import json
import os
import shutil
from dataclasses import replace

import huggingface_hub
import pytest
import torch
from hub.test_masked_lm import bert_folder, word_pieces
from public_hub import serving
from safetensors.torch import load_file, save_file
from transformers import AutoModelForMaskedLM, CamembertConfig, RobertaConfig

from remdm import cli
from remdm.cli import sample  # noqa: F401, before any test changes where embedded models are
from remdm.domains.registry import DOMAINS
from remdm.hub import download, loading, store
from remdm.hub.kinds import family_of
from remdm.hub.loading import find, load
from remdm.hub.prompting import notes
from remdm.models.checkpoints import ROOT, CheckpointError
from remdm.models.network import compute
from remdm.models.weights import plain_names
from remdm.runs.record import prepare, record
from remdm.runs.request import RunRequest
from remdm.sampling.methods import settings
from remdm.studies.reproduce.public_files import (
    bytes_tokenizer,
    halton_file,
    llada_folder,
    maskgit_file,
    mdlm_folder,
    vq_file,
)

TEXT = DOMAINS["text"]
PLAIN = replace(compute("cpu"), dtype=torch.float32)
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 679000000\n"
EMBEDDED = sorted(path.parent.name for path in ROOT.glob("*/model.safetensors"))


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    monkeypatch.setattr(download, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    for name in (store.LOCAL, "REMDM_MODELS", "REMDM_PUBLIC", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    loading.MODEL_CACHE.empty()


@pytest.fixture
def hub(monkeypatch):
    with serving({}) as server:
        monkeypatch.setattr(download, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield server


def refused(name, *parts):
    """The one sentence with which a model is refused, at the field or when it is loaded."""
    with pytest.raises(CheckpointError) as refusal:
        TEXT.model(name).load(PLAIN)
    text = str(refusal.value)
    assert "\n" not in text and "Traceback" not in text and len(text) < 600
    assert all(part in text for part in parts), text
    return text


# Damaged


FOLDERS = {"mdlm": mdlm_folder, "llada": llada_folder, "bert": bert_folder,
           "own": lambda folder: shutil.copytree(ROOT / "stories", folder)}  # fmt: skip


def cut(file):
    file.write_bytes(file.read_bytes()[:-100])


DAMAGE = {
    "cut": (cut, "download it again"),
    "empty": (lambda file: file.write_bytes(b""), "is empty"),
    "pointer": (lambda file: file.write_text(POINTER, encoding="utf-8"), "is a Git LFS pointer"),
    "noise": (lambda file: file.write_bytes(b"\x80\x00" * 60), ""),
}


@pytest.mark.parametrize("kind", FOLDERS)
@pytest.mark.parametrize("file", ["weights", "config.json", "tokenizer.json"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_one_sentence_that_names_it(tmp_path, kind, file, damage):
    FOLDERS[kind](tmp_path / "a")
    path = next((tmp_path / "a").glob("*.safetensors")) if file == "weights" else tmp_path / "a" / file
    DAMAGE[damage][0](path)
    text = refused("a", path.name)
    assert DAMAGE[damage][1] in text or file == "tokenizer.json" or damage == "cut", text
    assert str(tmp_path) not in text


@pytest.mark.parametrize("file", ["weights", "vq"])
@pytest.mark.parametrize("damage", ["cut", "empty", "pointer"])
def test_so_are_those_of_picture_models(tmp_path, file, damage):
    (tmp_path / "a").mkdir()
    halton_file(tmp_path / "a" / "ImageNet_256_base.pth")
    vq_file(tmp_path / "a" / "vq_ds16_c2i.pt", taming=False)
    path = tmp_path / "a" / ("ImageNet_256_base.pth" if file == "weights" else "vq_ds16_c2i.pt")
    DAMAGE[damage][0](path)
    with pytest.raises(CheckpointError) as refusal:
        load("a", PLAIN)
    assert path.name in str(refusal.value) and DAMAGE[damage][1] in str(refusal.value)


@pytest.mark.parametrize("damage", DAMAGE)
def test_an_embedded_model_that_is_damaged_says_how_to_restore_it(tmp_path, monkeypatch, damage, capsys):
    shutil.copytree(ROOT / "stories", tmp_path / "stories")
    DAMAGE[damage][0](tmp_path / "stories" / "model.safetensors")
    monkeypatch.setattr("remdm.models.checkpoints.ROOT", tmp_path)
    place = replace(PLAIN, reason=damage)  # none that was loaded before
    monkeypatch.setattr("remdm.runs.record.compute", lambda device: place)
    with pytest.raises(SystemExit) as ended:
        cli.main(["sample", "text", "--steps", "2"])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1
    assert "model.safetensors" in error and "Restore checkpoints/stories" in error


# Not of one model


def test_a_folder_without_a_tokenizer_is_refused_at_loading(tmp_path):
    bert_folder(tmp_path / "a")
    for file in ("tokenizer.json", "vocab.txt"):
        (tmp_path / "a" / file).unlink(missing_ok=True)
    refused("a", "has no tokenizer")


@pytest.mark.parametrize("more", [40, -12])
def test_a_tokenizer_of_another_model_is_refused_at_loading(tmp_path, more):
    bert_folder(tmp_path / "a")
    pieces = word_pieces()
    if more > 0:
        pieces.add_tokens([f"more{place}" for place in range(more)])
        pieces.save_pretrained(tmp_path / "a")
        refused("a", "do not belong together")
    llada_folder(tmp_path / "b")
    tokenizer = bytes_tokenizer("<|endoftext|>", ("<|mdm_mask|>", *(f"<{place}>" for place in range(max(0, more)))))
    config = json.loads((tmp_path / "b" / "config.json").read_text(encoding="utf-8"))
    if more > 0:
        tokenizer.save(str(tmp_path / "b" / "tokenizer.json"))
        refused("b", f"has {tokenizer.get_vocab_size()} tokens and its network {config['vocab_size']}")


@pytest.mark.parametrize("config", [RobertaConfig, CamembertConfig])
def test_a_table_of_positions_with_room_for_padding_is_that_much_shorter(tmp_path, config):
    """RoBERTa's positions begin behind its padding id."""
    shape = config(vocab_size=14, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24,
                   max_position_embeddings=34, pad_token_id=1, bos_token_id=2, eos_token_id=3)  # fmt: skip
    AutoModelForMaskedLM.from_config(shape).save_pretrained(tmp_path / "a")
    word_pieces().save_pretrained(tmp_path / "a")
    loaded = load("a", PLAIN)
    assert loaded.length == 32
    tokens = torch.full((1, 32), loaded.mask_id)
    loaded.denoiser(tokens, tokens == loaded.mask_id, 0.5)
    with pytest.raises(ValueError, match="length must be at most 32 for this model, got 33"):
        prepare(RunRequest(TEXT, TEXT.model("a"), "", 33, settings("mdlm", 2), 0))


def test_words_that_a_model_lacks_are_named(tmp_path):
    bert_folder(tmp_path / "a")
    loaded = load("a", PLAIN)
    assert notes("the capital of _ is paris .", loaded) == []
    (told,) = notes("שלום the עולם _ .", loaded)
    assert told == "The model has no token for “שלום”, “עולם”: it reads [UNK] there."
    (acts,) = notes("the [SEP] of paris", loaded)
    assert acts.startswith("“[SEP]” in the prompt acts as a special token")


# Compiled, and in several copies


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("kind", ["mdlm", "llada", "bert", "lightning", "halton", "maskgit"])
def test_what_was_saved_from_a_compiled_network_is_read(tmp_path, kind, prefix):
    folder = tmp_path / "a"
    if kind in ("mdlm", "llada", "bert"):
        FOLDERS[kind](folder)
        for file in folder.glob("*.safetensors"):
            state = {f"{prefix}{name}": value for name, value in load_file(file).items()}
            save_file(state, file, metadata={"format": "pt"})
        (folder / "model.safetensors.index.json").unlink(missing_ok=True)
    elif kind == "lightning":
        mdlm_folder(folder)
        state = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        (folder / "config.json").unlink()
        state = {name.replace("backbone.", f"backbone.{prefix}"): value for name, value in state.items()}
        torch.save({"state_dict": state}, folder / "only.ckpt")
    else:
        folder.mkdir()
        write, name = (halton_file, "ImageNet_256_base.pth") if kind == "halton" else (
            maskgit_file, "MaskGIT_ImageNet_256.pth")  # fmt: skip
        state = write(folder / name)
        torch.save({"model_state_dict": {f"{prefix}{key}": value for key, value in state.items()}}, folder / name)
        vq_file(folder / ("vq_ds16_c2i.pt" if kind == "halton" else "last.ckpt"), taming=kind == "maskgit")
    loaded = load("a", PLAIN)
    parameters = [value for value in loaded.denoiser.network.parameters()]
    assert all(value.isfinite().all() for value in parameters)


def test_only_whole_parts_of_a_name_are_prefixes():
    names = ("module.a", "_orig_mod.module.b.c", "x.submodule.y", "backbone._orig_mod.z", "my_module.w")
    assert list(plain_names(dict.fromkeys(names))) == ["a", "b.c", "x.submodule.y", "backbone.z", "my_module.w"]


def lightning(folder, *names):
    mdlm_folder(folder)
    state = load_file(folder / "model.safetensors")
    for name in names:
        torch.save({"state_dict": state}, folder / name)
    (folder / "config.json").unlink()
    (folder / "model.safetensors").unlink()


def test_of_several_checkpoints_the_last_is_read_and_said(tmp_path):
    lightning(tmp_path / "a", "1-5000.ckpt", "last.ckpt")
    (tmp_path / "a" / "1-5000.ckpt").write_bytes(b"not this one")
    load("a", PLAIN)
    assert TEXT.model("a").about.startswith("A model that you named") and "last.ckpt is read" in find("a").about


def test_without_a_last_one_the_visitor_decides(tmp_path):
    lightning(tmp_path / "a", "1-5000.ckpt", "2-9000.ckpt")
    refused("a", "holds 2 checkpoints (1-5000.ckpt, 2-9000.ckpt); name the one that is meant")
    load("a/2-9000.ckpt", PLAIN)


def test_of_two_decoders_the_one_of_the_classes_is_taken(tmp_path):
    (tmp_path / "a").mkdir()
    halton_file(tmp_path / "a" / "ImageNet_256_base.pth")
    vq_file(tmp_path / "a" / "vq_ds16_c2i.pt", taming=False)
    (tmp_path / "a" / "vq_ds16_t2i.pt").write_bytes(b"of captions")
    assert load("a", PLAIN).decoder.config.codes == 40
    halton_file(tmp_path / "a" / "ImageNet_256_small.pth")
    loading.MODEL_CACHE.empty()
    with pytest.raises(CheckpointError, match="base.pth, ImageNet_256_small.pth; if there are several, name"):
        load("a", PLAIN)
    load("a/ImageNet_256_small.pth", PLAIN)


# Not masked


CONFIGS = {
    "sedd": {"graph": {"type": "absorb"}, "noise": {"type": "loglinear"}, "tokens": 50257, "model": {"name": "small"}},
    "duo": {"model_type": "DUO", "vocab_size": 50258},
    "bd3lm": {"model_type": "bd3lm", "block_size": 4},
    "dream": {"model_type": "Dream", "architectures": ["DreamModel"], "auto_map": {"AutoModel": "m.D"}},
    "udlm": {"model_type": "udlm"},
    "gpt2": {"model_type": "gpt2"},
    "nothing": {"hidden_size": 3},
    "strange": {"model_type": ["a", {}], "architecture": "no-such"},
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_what_cannot_be_sampled_is_refused_by_its_config_before_the_download(hub, tmp_path, kind):
    """By its name, not a commit's hash, with no path of this machine, and nothing but its config.json fetched."""
    folder = tmp_path / "hub" / kind
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIGS[kind]), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"\0" * 5000)
    hub.repos[f"some/{kind}"] = folder
    text = refused(f"some/{kind}", f"some/{kind}")
    assert "0123456789abcdef" not in text and str(tmp_path) not in text
    assert not any("safetensors" in path for path in hub.asked)
    with pytest.raises(CheckpointError):
        family_of(CONFIGS[kind], kind)


def test_a_repository_without_a_config_is_refused_before_the_download(hub, tmp_path):
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "model.safetensors").write_bytes(b"\0" * 5000)
    hub.repos["some/thing"] = tmp_path / "hub"
    refused("some/thing", "some/thing has no config.json")
    assert not any("safetensors" in path for path in hub.asked)


# Names


def test_ids_without_an_owner_and_pasted_addresses(hub, tmp_path):
    bert_folder(tmp_path / "hub" / "bert")
    assert find("bert-base-uncased").name == "bert-base" and TEXT.model("bert-base-uncased").name == "bert-base"
    hub.repos["some/bert"] = tmp_path / "hub" / "bert"
    for address in (
        "https://huggingface.co/some/bert", "https://huggingface.co/some/bert/tree/main", "hf.co/some/bert",
        " huggingface.co/some/bert/ ", "https://huggingface.co/some/bert/blob/main/config.json",
    ):  # fmt: skip
        assert TEXT.model(address).name == "some/bert"
    assert find("https://huggingface.co/kuleshov-group/mdlm-owt").name == "mdlm-owt"
    load("https://huggingface.co/some/bert", PLAIN)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_of_another_user(hub, tmp_path):
    (tmp_path / "cache").mkdir(mode=0o500)
    bert_folder(tmp_path / "hub" / "bert")
    hub.repos["some/bert"] = tmp_path / "hub" / "bert"
    refused("some/bert", "set HF_HOME to a folder that you can write to")


@pytest.mark.parametrize("code", [13, 1, 30, 28])
def test_a_cache_that_cannot_be_written_is_named_with_its_remedy(hub, tmp_path, monkeypatch, code):
    bert_folder(tmp_path / "hub" / "bert")
    hub.repos["some/bert"] = tmp_path / "hub" / "bert"

    def unwritable(*_args, **_more):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(download, "hf_hub_download", unwritable)
    refused("some/bert", f"cannot be kept in {tmp_path / 'cache'} ({os.strerror(code)}): set HF_HOME")


# Our own


def test_our_own_checkpoints_open_by_folder(monkeypatch):
    monkeypatch.chdir(ROOT.parent)
    for name in ("checkpoints/stories", str(ROOT / "stories")):
        there, here = (record(RunRequest(TEXT, TEXT.model(each), "", 160, settings("mdlm", 3), 5))
                       for each in (name, "stories"))  # fmt: skip
        assert there.text == here.text and there.run["model"] == name
    with pytest.raises(ValueError, match="is a copy of “emoji”, which is not a model of the domain text"):
        TEXT.model("checkpoints/emoji")


@pytest.mark.parametrize("name", EMBEDDED)
def test_an_exported_model_opens_by_folder_and_by_id(hub, tmp_path, name, capsys):
    cli.main(["models", "--export", name, str(tmp_path / "hub" / name)])
    domain = next(each for each in DOMAINS.values() if name in [model.name for model in each.models])
    card = (tmp_path / "hub" / name / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: ") and f"  - {name}\n" in card
    hub.repos[f"me/{name}"] = tmp_path / "hub" / name
    prompt = domain.model(name).examples[0] if name == "countdown" else ""
    made = []
    for each in (name, str(tmp_path / "hub" / name), f"me/{name}"):
        model = domain.model(each)
        for _ in model.fetch(PLAIN) if model.fetch else ():
            pass
        made.append(record(RunRequest(domain, model, prompt, model.length, settings("mdlm", 2), 1)).final)
    assert made[0] == made[1] == made[2]


def test_an_export_overwrites_nothing(tmp_path, capsys):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine").touch()
    for name, folder, says in (("stories", "a", "not empty"), ("storys", "b", "is not an embedded model")):
        with pytest.raises(SystemExit):
            cli.main(["models", "--export", name, str(tmp_path / folder)])
        assert says in capsys.readouterr().err


def test_a_folder_can_be_asked_what_it_is(tmp_path, capsys):
    mdlm_folder(tmp_path / "a")
    cli.main(["models", "--check", "a"])
    out = capsys.readouterr().out
    assert "a: MDLM" in out and "Missing: nothing." in out and "It loads: " in out and "up to 64 positions" in out
    loading.MODEL_CACHE.empty()
    (tmp_path / "a" / "tokenizer.json").unlink()
    cli.main(["models", "--check", "a"])
    out = capsys.readouterr().out
    assert "Missing: tokenizer.json of openai-community/gpt2." in out and "It cannot be used here: " in out
    (tmp_path / "a" / "config.json").write_text('{"model_type": "gpt2"}', encoding="utf-8")
    with pytest.raises(SystemExit):
        cli.main(["models", "--check", "a"])
    assert "its config.json says “gpt2”. Read: MDLM, LLaDA" in capsys.readouterr().err
