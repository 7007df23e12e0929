"""Weights files: read without running code, checked by name and shape, put in place in the type they are used in."""

import json
import pickle
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)


class Inert:
    """Stands for any class or function that a checkpoint names: takes what it is given and does nothing."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> "Inert":
        return super().__new__(cls)

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        pass

    def __setstate__(self, _state: Any) -> None:
        pass


def plain_dict(*_args: Any) -> dict:
    """Stands for defaultdict, which unpickling fills after making it."""
    return {}


def read_inert(path: Path) -> Any:
    """A PyTorch file's content, with torch's weights-only reader and everything that is not a tensor made inert.

    Lightning files pickle their settings and tokenizer as objects; these are never imported, let alone called.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it cannot be read that way.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: download the checkpoint there")
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        stand_ins: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
            (plain_dict if name == "collections.defaultdict" else Inert, name) for name in names
        ]
        with torch.serialization.safe_globals(stand_ins):
            return torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise ValueError(f"{path} cannot be read without running code from it, so it is refused ({reason})") from error


def read_state(path: Path, key: str) -> dict[str, Tensor]:
    """The state dict that a PyTorch file keeps under `key`, without the prefixes of compiling and of many GPUs.

    Raises:
        FileNotFoundError, ValueError: as `read_inert`, and ValueError if there is no such state dict.
    """
    content = read_inert(path)
    state = content.get(key) if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise ValueError(f"{path.name} has no {key}, so it is not a checkpoint of this family")
    return {str(name).replace("module.", "").replace("_orig_mod.", ""): value for name, value in state.items()}


def read_safetensors(paths: Iterable[Path]) -> dict[str, Tensor]:
    """The tensors of all the files, mapped: nothing is read before it is used.

    Raises:
        ValueError: for a file of another format.
    """
    state: dict[str, Tensor] = {}
    for path in paths:
        try:
            state |= load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is not a safetensors file: {error}") from error
    return state


def read_json(file: Path) -> dict[str, Any]:
    """The object that a config.json holds.

    Raises:
        ValueError: if it holds none.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} must hold one JSON object, got a {type(content).__name__}")
    return content


def read_config(file: Path, fields: Mapping[str, str]) -> dict[str, Any]:
    """Our names -> values of a config.json's fields, for `fields` of our names -> theirs.

    Raises:
        ValueError: for a file that is no JSON object or lacks one of them.
    """
    content = read_json(file)
    missing = [name for name in fields.values() if name not in content]
    if missing:
        raise ValueError(f"{file} lacks {', '.join(missing)}, which the model cannot be built without")
    return {ours: content[theirs] for ours, theirs in fields.items()}


def blank(make: Callable[[], N]) -> N:
    """A network of shapes only, without memory."""
    with torch.device("meta"):
        return make()


def check(wanted: Mapping[str, Tensor], found: Mapping[str, Any], source: Path | str) -> None:
    """Raise ValueError, naming them, if tensors have another shape than wanted, are lacking, or are too many."""
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
    """Put exactly fitting tensors into a blank network, one at a time, and make it ready for use.

    Parameters take the type asked for. Buffers keep theirs: rotary frequencies in bfloat16 would turn the far
    positions by wrong angles.

    Raises:
        ValueError: where names or shapes do not fit.
    """
    wanted = network.state_dict()
    check(wanted, state, source)
    parameters = {name for name, _ in network.named_parameters()}
    for name in wanted:
        value = state[name].detach()
        value = value.to(device=device, dtype=dtype if name in parameters else None, copy=True)
        network.load_state_dict({name: value}, strict=False, assign=True)
    return network.requires_grad_(False).eval()
