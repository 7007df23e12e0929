"""Weights files: read without running their code, checked by name and shape, loaded in the number type of use."""

import json
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)
OLDER_PICKLES = 5
"""In an older file: a mark, a version, the machine, the content, and the names of its storages."""


class Inert:
    """Replaces any class or function that a checkpoint names: accepts any arguments and does nothing."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> "Inert":
        return super().__new__(cls)

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        pass

    def __setstate__(self, _state: Any) -> None:
        pass


def plain_dict(*_args: Any) -> dict:
    """Replaces defaultdict, which unpickling fills after creating it."""
    return {}


def _older_globals(path: Path) -> set[str]:
    """What a file in PyTorch's format before 1.6 (pickles one after the other, then the numbers) names of others' code.

    The pickles are only looked through: their instructions are not carried out.
    """
    named: set[str] = set()
    with path.open("rb") as file:
        for _ in range(OLDER_PICKLES):
            for instruction, argument, _ in pickletools.genops(file):
                if instruction.name == "GLOBAL":
                    named.add(str(argument).replace("__builtin__ ", "builtins ").replace(" ", ".", 1))
    return {name for name in named if not name.startswith("torch.") and name != "collections.OrderedDict"}


POINTER = b"version https://git-lfs"
_PREFIXES = re.compile(r"(^|\.)(?:(?:module|_orig_mod)\.)+")


def plain_names(state: Mapping[Any, Any]) -> dict[str, Any]:
    """A state dict under the names that its network has without torch.compile, DataParallel and their like."""
    return {_PREFIXES.sub(r"\1", str(name)): value for name, value in state.items()}


@contextmanager
def reading_file(path: Path) -> Iterator[None]:
    """Turn any error in reading a file into a ValueError that names it and says what to do.

    Raises:
        FileNotFoundError: if it is missing.
        ValueError: for a Git LFS pointer, an empty file, a damaged one, and one that may not be read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is missing: download it, or restore its folder")
    try:
        with path.open("rb") as file:
            head = file.read(len(POINTER))
        if head == POINTER:
            raise ValueError(f"{path.name} is a Git LFS pointer, not the file itself: run `git lfs pull` in its folder")
        if not head:
            raise ValueError(f"{path.name} is empty: download it again")
        yield
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise ValueError(
            f"{path.name} is not a safetensors file, or only the beginning of one: download it again ({error})"
        ) from error


def read_inert(path: Path) -> Any:
    """The content of a PyTorch file, read by torch's weights-only reader with every object but tensors made inert.

    Lightning files pickle their settings and tokenizer as objects; these are never imported, let alone called.

    Raises:
        FileNotFoundError: if the file is missing.
        ValueError: if it cannot be read that way.
    """
    with reading_file(path):
        return _read_inert(path)


def _read_inert(path: Path) -> Any:
    zipped = zipfile.is_zipfile(path)
    with path.open("rb") as file:
        cut_short = not zipped and file.read(2) == b"PK"
    if cut_short:  # what lists the parts of a zip file stands at its end
        raise ValueError(f"{path.name} is only the beginning of a file: download it again")
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path) if zipped else _older_globals(path)
        stand_ins: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
            (plain_dict if name == "collections.defaultdict" else Inert, name) for name in names
        ]
        with torch.serialization.safe_globals(stand_ins):
            return torch.load(path, map_location="cpu", mmap=zipped, weights_only=True)
    except Exception as error:  # whatever the bytes lead a reader of pickles to
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise ValueError(
            f"{path.name} cannot be read without running code from it, so it is refused ({reason})"
        ) from error


def read_state(path: Path, key: str) -> dict[str, Tensor]:
    """The state dict under `key` in a PyTorch file, names without the prefixes of torch.compile and DataParallel.

    Raises:
        FileNotFoundError: if the file is missing.
        ValueError: if it cannot be read without running code, or has no such state dict.
    """
    content = read_inert(path)
    state = content.get(key) if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise ValueError(f"{path.name} has no {key}, so it is not a checkpoint of this family")
    return plain_names(state)


def read_safetensors(paths: Iterable[Path]) -> dict[str, Tensor]:
    """The tensors of all the files, memory-mapped: each is read when it is used.

    Raises:
        ValueError: for a file of another format.
    """
    state: dict[str, Tensor] = {}
    for path in paths:
        with reading_file(path):
            state |= load_file(path)
    return plain_names(state)


def read_json(file: Path) -> dict[str, Any]:
    """The object in a config.json.

    Raises:
        ValueError: if the file is not JSON or holds something else.
    """
    with reading_file(file):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{file.name} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file.name} must hold one JSON object, got a {type(content).__name__}")
    return content


def read_config(file: Path, fields: Mapping[str, str]) -> dict[str, Any]:
    """Values of a config.json's fields by our names, for `fields`: our names -> the file's.

    Raises:
        ValueError: if the file is not a JSON object or lacks one of them.
    """
    content = read_json(file)
    missing = [name for name in fields.values() if name not in content]
    if missing:
        raise ValueError(f"{file} lacks {', '.join(missing)}, which the model cannot be built without")
    return {ours: content[theirs] for ours, theirs in fields.items()}


@contextmanager
def reading_shape(source: Path | str, kind: str) -> Iterator[None]:
    """Turn any error in reading a network's shape from its tensors into a ValueError that names file and kind."""
    try:
        yield
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{source} does not hold a {kind}: its shape cannot be read ({error})") from error


def count_blocks(state: Mapping[str, Any], prefix: str) -> int:
    """Number of blocks whose tensors are named `prefix`, a number from 0 on, and a dot.

    Raises:
        ValueError: if there is none.
    """
    return 1 + max(int(name.removeprefix(prefix).split(".")[0]) for name in state if name.startswith(prefix))


SCALE = ":scale"
"""Behind the name of an 8-bit matrix in a file: the name of its rows' scales."""


def save_weights(network: nn.Module, file: Path, dtype: torch.dtype = torch.float16) -> None:
    """Write a network's weights as safetensors, by default in half precision; an interruption leaves no broken file.

    With `dtype` int8, matrices are rounded to 255 levels, each row with a scale of its own, and take half the space.
    """
    part = file.with_suffix(".part")
    state: dict[str, Tensor] = {}
    for name, weight in network.state_dict().items():
        if dtype == torch.int8 and weight.ndim == 2:
            scale = weight.detach().float().abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
            state |= {name: (weight.detach() / scale).round().to(torch.int8), name + SCALE: scale}
        else:
            state[name] = weight.detach().to(torch.float16 if dtype == torch.int8 else dtype).contiguous()
    save_file(state, part)
    part.chmod(0o644)  # safetensors makes files readable by their owner alone
    part.replace(file)


def load_weights(file: Path) -> dict[str, Tensor]:
    """The weights that `save_weights` wrote, by name; those of 8 bits as float32."""
    state = load_file(file)
    scales = {name.removesuffix(SCALE): state.pop(name) for name in list(state) if name.endswith(SCALE)}
    return state | {name: state[name] * scale for name, scale in scales.items()}


def blank(make: Callable[[], N]) -> N:
    """A network of shapes only, without memory for its weights."""
    with torch.device("meta"):
        return make()


def check(wanted: Mapping[str, Tensor], found: Mapping[str, Any], source: Path | str) -> None:
    """Raise ValueError, with their names, for tensors of a wrong shape, missing ones and unexpected ones."""
    for name, value in found.items():
        if name in wanted and (not isinstance(value, Tensor) or value.shape != wanted[name].shape):
            got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(f"{source}: {name} must have shape {list(wanted[name].shape)}, got {got}")
    for kind, names in (("lacks", wanted.keys() - found.keys()), ("has unexpected", found.keys() - wanted.keys())):
        if names:
            some = ", ".join(sorted(names)[:3])
            raise ValueError(f"{source} {kind} {len(names)} of this architecture's tensors: {some}")


def fill(
    network: N,
    state: Mapping[str, Tensor],
    source: Path | str,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> N:
    """Load tensors that fit exactly into a blank network, one at a time, and make it ready for inference.

    Parameters are converted to `dtype`. Buffers keep theirs: rotary frequencies in bfloat16 would rotate distant
    positions by wrong angles.

    Raises:
        ValueError: if names or shapes do not fit.
    """
    wanted = network.state_dict()
    check(wanted, state, source)
    parameters = {name for name, _ in network.named_parameters()}
    for name in wanted:
        value = state[name].detach()
        value = value.to(device=device, dtype=dtype if name in parameters else None, copy=True)
        network.load_state_dict({name: value}, strict=False, assign=True)
    return network.requires_grad_(False).eval()
