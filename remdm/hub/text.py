"""Loading language models, one function per family: network, tokenizer and prompt frame."""

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from remdm.hub import memory
from remdm.hub.kinds import lightning_file
from remdm.hub.prompting import PromptFrame, TextCheckpoint
from remdm.models.accelerated import accelerated
from remdm.models.checkpoints import read_tokenizer
from remdm.models.dit_files import load_hub_folder, load_lightning
from remdm.models.llada import LLaDA, load_llada, unsplit
from remdm.models.masked_lm import load_masked_lm
from remdm.models.network import Compute, NetworkDenoiser
from remdm.models.sharded import Sharded

TURN = (
    "<|startoftext|><|start_header_id|>user<|end_header_id|>\n\n",
    "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
)
"""Text around a question to LLaDA, as its chat template prints it; the template itself is code, which is not run."""
TEMPLATES = ("tokenizer_config.json", "chat_template.jinja")


def has_turn(folder: Path) -> bool:
    """Whether a folder's chat template puts questions into LLaDA's turn."""
    for name in TEMPLATES:
        file = folder / name
        if file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            template = text if name.endswith(".jinja") else str(_content(text).get("chat_template", ""))
            if "<|start_header_id|>" in template:
                return True
    return False


def _content(text: str) -> dict:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
"""Files that a tokenizer of transformers can be read from."""


def check_tokenizer(tokens: int, entries: int) -> None:
    """Refuse a tokenizer that is not the network's.

    Args:
        tokens: that it has, special ones included.
        entries: of the network's vocabulary, which may be padded to a round number.

    Raises:
        ValueError: if it has more than the network, or far fewer.
    """
    if not entries // 2 < tokens <= entries:
        raise ValueError(
            f"its tokenizer has {tokens:,} tokens and its network {entries:,}: they do not belong together. Put the "
            "model's own tokenizer.json next to its weights"
        )


def gpt2_tokenizer(folders: tuple[Path, ...]) -> Tokenizer:
    """GPT-2's tokenizer from the first folder that has one: tokenizer.json, or vocab.json with merges.txt.

    Raises:
        FileNotFoundError: if no folder has one.
    """
    for folder in folders:
        if (folder / "tokenizer.json").is_file():
            return read_tokenizer(folder / "tokenizer.json")
        vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
        if vocabulary.is_file() and merges.is_file():
            tokenizer = Tokenizer(models.BPE.from_file(str(vocabulary), str(merges)))
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            tokenizer.decoder = decoders.ByteLevel()
            return tokenizer
    raise FileNotFoundError("MDLM needs GPT-2's tokenizer: put its tokenizer.json next to the weights")


def load_mdlm(folders: tuple[Path, ...], name: str, compute: Compute) -> TextCheckpoint:
    """MDLM from a folder as on the hub, or from a Lightning .ckpt (its averaged weights).

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if the files do not fit each other.
        CheckpointError: if there is too little memory.
    """
    place = folders[0]
    if place.is_dir() and not (place / "config.json").is_file():
        place = lightning_file(place)
    memory.check(name, memory.count(place), compute)
    load = load_hub_folder if place.is_dir() else load_lightning
    network = load(place, dtype=compute.dtype, device=compute.device)
    tokenizer = gpt2_tokenizer((place if place.is_dir() else place.parent, *folders[1:]))
    tokenizer.add_special_tokens(["<|endoftext|>"])
    mask_id, length = network.config.vocab_size - 1, network.config.length
    if tokenizer.get_vocab_size() != mask_id:
        raise ValueError(f"the tokenizer must have {mask_id} tokens besides the mask, got {tokenizer.get_vocab_size()}")
    tokenizer.add_special_tokens(["<mask>"])
    if network.config.time_conditioning:
        raise ValueError("this MDLM is conditioned on time; only untimed ones can be sampled here")
    end = tokenizer.token_to_id("<|endoftext|>")
    assert end is not None  # added above
    # its training blocks are cut from a stream of documents: behind an end the next one begins
    frame = PromptFrame((end,), (end,), mask_id)
    denoiser = NetworkDenoiser(accelerated(network, compute), mask_id)
    return TextCheckpoint(name, denoiser, tokenizer, mask_id, length, compute, frame)


def load_llada_folder(folders: tuple[Path, ...], name: str, compute: Compute) -> TextCheckpoint:
    """LLaDA, from the first folder, over the devices of `compute`; it answers questions if its chat template says so.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if the files do not fit each other.
        CheckpointError: if there is too little memory.
    """
    folder = folders[0]
    split = compute.devices > 1 and compute.device.type != "meta"
    memory.check(name, memory.count(folder), compute, unsplit(folder) if split else 0)
    if not (folder / "tokenizer.json").is_file():
        raise FileNotFoundError(f"{folder.name} lacks tokenizer.json")
    network: LLaDA | Sharded = Sharded(folder, compute) if split else load_llada(folder, compute.dtype, compute.device)
    tokenizer = read_tokenizer(folder / "tokenizer.json")
    config = network.config
    check_tokenizer(tokenizer.get_vocab_size(), config.vocab_size)
    end = tokenizer.token_to_id("<|eot_id|>")
    begin = tokenizer.token_to_id("<|startoftext|>")
    end_ids = (config.eos_id,) if end is None else (config.eos_id, end)
    prefix = () if begin is None else (begin,)
    turn = TURN if has_turn(folder) else None
    frame = PromptFrame(prefix, (config.eos_id,), config.eos_id, end_ids=frozenset(end_ids), turn=turn, answers=True)
    denoiser = NetworkDenoiser(accelerated(network, compute), config.mask_id, end_ids=end_ids)
    return TextCheckpoint(name, denoiser, tokenizer, config.mask_id, config.length, compute, frame)


def load_filler(folders: tuple[Path, ...], name: str, compute: Compute) -> TextCheckpoint:
    """Any masked language model of transformers, from the first folder.

    Raises:
        ValueError: if the folder does not hold one, or its tokenizer cannot be used.
        CheckpointError: if there is too little memory.
    """
    folder = folders[0]
    memory.check(name, memory.count(folder), compute)
    if not any((folder / file).is_file() for file in TOKENIZERS):
        raise ValueError(f"{folder.name} has no tokenizer ({', '.join(TOKENIZERS)}): put its files next to the weights")
    if (folder / "tokenizer.json").is_file():
        read_tokenizer(folder / "tokenizer.json")  # says what is wrong with it, if anything
    network, tokenizer = load_masked_lm(folder, compute.dtype, compute.device)
    check_tokenizer(len(tokenizer), network.entries)
    mask_id = tokenizer.mask_token_id
    framed = tokenizer(tokenizer.mask_token)["input_ids"]
    if framed.count(mask_id) != 1:
        raise ValueError(f"{folder.name} has a tokenizer that does not read its own mask")
    middle = framed.index(mask_id)
    prefix, suffix = tuple(framed[:middle]), tuple(framed[middle + 1 :])
    fill_id = tokenizer.pad_token_id
    if fill_id is None:
        fill_id = (suffix or prefix or (mask_id,))[-1]
    frame = PromptFrame(prefix, suffix, fill_id, always=True)
    denoiser = NetworkDenoiser(network, mask_id)
    return TextCheckpoint(name, denoiser, tokenizer.backend_tokenizer, mask_id, network.length, compute, frame)
