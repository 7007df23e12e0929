"""Loading language models: network, tokenizer, and how a prompt is framed for each family."""

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from remdm.hub import memory
from remdm.models.checkpoints import Checkpoint
from remdm.models.dit import load_hub_folder, load_lightning
from remdm.models.llada import load_llada
from remdm.models.masked_lm import load_masked_lm
from remdm.models.network import Compute, NetworkDenoiser

TURN = (
    "<|startoftext|><|start_header_id|>user<|end_header_id|>\n\n",
    "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
)
"""What stands around a question to LLaDA-8B-Instruct; its own template is code and is not run."""


@dataclass(frozen=True)
class Frame:
    """What stands around a text: ids before it, ids after its end, and the id of what is left then.

    `always` says whether before and after stand around free writing too. `ends` are the ids behind which nothing is
    printed; `turn` frames a question where the model answers questions.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    rest: int
    always: bool = False
    ends: frozenset[int] = frozenset()
    turn: tuple[str, str] | None = None


@dataclass(frozen=True)
class TextCheckpoint(Checkpoint):
    """A loaded language model with its frame."""

    frame: Frame


def read_tokenizer(file: Path) -> Tokenizer:
    """A tokenizer from its file.

    Raises:
        ValueError: if it is none.
    """
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing more special
        raise ValueError(f"{file.name} is no tokenizer: {error}") from error


def gpt2_tokenizer(folders: tuple[Path, ...]) -> Tokenizer:
    """GPT-2's tokenizer from the first folder that has one: tokenizer.json, or vocab.json with merges.txt.

    Raises:
        FileNotFoundError: if none has.
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
    raise FileNotFoundError("MDLM needs GPT-2's tokenizer: put its tokenizer.json beside the weights")


def load_mdlm(folders: tuple[Path, ...], name: str, compute: Compute) -> TextCheckpoint:
    """MDLM from a folder as on the hub, or from a Lightning .ckpt (its averaged weights).

    Raises:
        FileNotFoundError, ValueError: where files are missing or do not fit.
    """
    place = folders[0]
    if place.is_dir() and not (place / "config.json").is_file():
        place = next(iter(sorted(place.glob("*.ckpt"))), place)
    memory.check(name, memory.count(place), compute)
    load = load_hub_folder if place.is_dir() else load_lightning
    network = load(place, dtype=compute.dtype, device=compute.device)
    beside = place if place.is_dir() else place.parent
    tokenizer = gpt2_tokenizer((beside, *folders[1:]))
    tokenizer.add_special_tokens(["<|endoftext|>"])
    mask_id, length = network.config.vocab_size - 1, network.config.length
    if tokenizer.get_vocab_size() != mask_id:
        raise ValueError(f"the tokenizer must have {mask_id} tokens beside the mask, got {tokenizer.get_vocab_size()}")
    tokenizer.add_special_tokens(["<mask>"])
    if network.config.time_conditioning:
        raise ValueError("this MDLM is conditioned on time; only untimed ones can be sampled here")
    end = tokenizer.token_to_id("<|endoftext|>")
    # blocks of its training are cut from a stream of documents: behind an end the next one begins
    frame = Frame((end,), (end,), mask_id)
    return TextCheckpoint(name, NetworkDenoiser(network, mask_id), tokenizer, mask_id, length, compute, frame)


def load_llada_folder(folders: tuple[Path, ...], name: str, compute: Compute) -> TextCheckpoint:
    """LLaDA Base or Instruct.

    Raises:
        FileNotFoundError, ValueError: where files are missing or do not fit.
    """
    folder = folders[0]
    memory.check(name, memory.count(folder), compute)
    if not (folder / "tokenizer.json").is_file():
        raise FileNotFoundError(f"{folder.name} lacks tokenizer.json")
    network = load_llada(folder, compute.dtype, compute.device)
    tokenizer = read_tokenizer(folder / "tokenizer.json")
    config = network.config
    end = tokenizer.token_to_id("<|eot_id|>")
    begin = tokenizer.token_to_id("<|startoftext|>")
    ends = frozenset({config.eos_id, *([end] if end is not None else [])})
    turn = TURN if "instruct" in f"{name} {folder.parent.parent.name} {folder.name}".lower() else None
    frame = Frame((begin,) if begin is not None else (), (config.eos_id,), config.eos_id, ends=ends, turn=turn)
    denoiser = NetworkDenoiser(network, config.mask_id)
    return TextCheckpoint(name, denoiser, tokenizer, config.mask_id, config.length, compute, frame)


def load_filler(folders: tuple[Path, ...], name: str, compute: Compute) -> TextCheckpoint:
    """Any masked language model of transformers.

    Raises:
        ValueError: if it is none, or does not fit.
    """
    memory.check(name, memory.count(folders[0]), compute)
    network, spoken = load_masked_lm(folders[0], compute.dtype, compute.device)
    mask_id = spoken.mask_token_id
    framed = spoken(spoken.mask_token)["input_ids"]
    if framed.count(mask_id) != 1:
        raise ValueError(f"{folders[0].name} has a tokenizer that does not read its own mask")
    middle = framed.index(mask_id)
    before, after = tuple(framed[:middle]), tuple(framed[middle + 1 :])
    rest = spoken.pad_token_id if spoken.pad_token_id is not None else (after or before or (mask_id,))[-1]
    longest = getattr(network.model.config, "max_position_embeddings", 512)
    frame = Frame(before, after, rest, always=True)
    denoiser = NetworkDenoiser(network, mask_id)
    return TextCheckpoint(name, denoiser, spoken.backend_tokenizer, mask_id, longest, compute, frame)
