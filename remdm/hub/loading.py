"""Any model by catalog name, hub id or folder: found, downloaded, and loaded once per device and number type."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch

from remdm import limits
from remdm.hub import memory
from remdm.hub.catalog import ENTRIES, GPT2, LLAMAGEN, REFUSED, Entry
from remdm.hub.download import Fetched, fetch, fetch_config
from remdm.hub.image import load_halton_files, load_maskgit_files
from remdm.hub.kinds import UNIFORM, config_of, detect_family, family_of, note
from remdm.hub.memory import InsufficientMemory
from remdm.hub.store import Source, found, hub_id, local, path_in
from remdm.hub.text import has_turn, load_filler, load_llada_folder, load_mdlm
from remdm.models.cache import ModelCache
from remdm.models.checkpoints import (
    OWN,
    Checkpoint,
    CheckpointError,
    ensure_whole,
    is_embedded,
    load_embedded,
    load_own,
)
from remdm.models.network import Compute

Made = TypeVar("Made")
Loader = Callable[[tuple[Path, ...], str, Compute], Checkpoint]


@dataclass(frozen=True)
class Family:
    """A kind of checkpoint: its loader, what its models make (text or image), and what they need besides weights.

    Those of a family with `splits` can be split over several devices, those with `compiles` can run with OpenVINO.
    """

    load: Loader
    kind: str
    companions: tuple[Source, ...] = ()
    splits: bool = False
    compiles: bool = False


FAMILIES: dict[str, Family] = {
    "mdlm": Family(load_mdlm, "text", (GPT2,), compiles=True),
    "llada": Family(load_llada_folder, "text", splits=True),
    "masked-lm": Family(load_filler, "text"),
    "halton": Family(load_halton_files, "image", (LLAMAGEN,)),
    "maskgit": Family(load_maskgit_files, "image"),
    OWN: Family(lambda folders, name, compute: load_own(folders[0], name, compute), "text", compiles=True),
}
"""By name. To add a family: its network in models/, its loader in hub/, a row here."""


def find(name: str) -> Entry:
    """The entry of a name: that of a catalog entry, its hub id, a local folder or file, or any hub id.

    Raises:
        CheckpointError: for a model that cannot be sampled, or that this server does not offer.
    """
    name = hub_id(name)
    for entry in ENTRIES.values():
        if name in (entry.name, entry.repo) and (name == entry.name or entry.kind == "text"):
            return entry
    several = [entry.name for entry in ENTRIES.values() if entry.repo == name]
    if several:
        raise CheckpointError(f"{name} holds several models; name one of {', '.join(several)}.")
    if REFUSED.get(name) == "uniform":
        raise CheckpointError(UNIFORM.format(name))
    where = local(name)
    if where is None and not limits.current().any_model:
        raise CheckpointError(f"{name[:80]} is not among the models that this server offers: {', '.join(ENTRIES)}.")
    if where is None and (not 1 <= name.count("/") + 1 <= 2 or name.startswith((".", "/", "~"))):
        raise CheckpointError(
            f"There is no folder {name[:120]}, and it is not a hub id such as kuleshov-group/mdlm-owt."
        )
    for entry in ENTRIES.values():  # ids from before the hub had owners
        if where is None and entry.kind == "text" and entry.repo.split("/")[-1] == name:
            return entry
    family = detect_family(where, name) if where else ""
    kind = FAMILIES[family].kind if family else "text"
    about = "A model that you named; its settings are general defaults." + (note(where, family) if where else "")
    return Entry(
        name, name, about, kind, family, (Source(name),), asks=where is not None and has_turn(where),
    )  # fmt: skip


def names_embedded(name: str) -> bool:
    """Whether a name is that of an embedded model rather than a path."""
    return Path(name).name == name and is_embedded(name)


def own_name(name: str) -> str | None:
    """Which embedded model a folder or repository is another copy of; None for models of other formats.

    Of a repository that is not here yet the config.json is fetched.

    Raises:
        CheckpointError: for a model that cannot be sampled or is not offered.
    """
    if "/" not in name and local(name) is None:
        return None
    entry = find(name)
    if entry.family not in ("", OWN):
        return None
    folder = local(entry.repo) or fetch_config(entry.sources[0])
    config = config_of(folder, entry.name) if folder else {}
    return str(config.get("model", "")) if config and family_of(config, entry.name) == OWN else None


def fetching(name: str, compute: Compute) -> Iterator[Fetched]:
    """Download a model's missing files, with progress; iterate it to its end. It ends at once if none is missing.

    Raises:
        CheckpointError: in one sentence, before anything is downloaded that could not be used.
    """
    if names_embedded(name):
        return
    entry = find(name)
    if entry.weights and found(entry.sources[0]) is None:  # otherwise the files themselves are counted when loaded
        _ensure_memory(entry.name, entry.weights, compute)

    def allow(total: int) -> None:
        if not entry.weights:  # at most four bytes a weight
            _ensure_memory(entry.name, total // 4, compute)

    examine = None if entry.family else lambda folder: detect_family(folder, entry.name)
    yield from fetch(entry.sources[0], allow, examine)
    for source in companions(entry):
        yield from fetch(source, allow)


def _ensure_memory(name: str, weights: int, compute: Compute) -> None:
    """As `memory.check`; other models are dropped first if that is what it takes."""
    _with_room(lambda: memory.check(name, weights, compute))


def _with_room(act: Callable[[], Made]) -> Made:
    """What an act gives; if it finds too little memory, once more after all models are dropped."""
    try:
        return act()
    except InsufficientMemory:
        if not MODEL_CACHE.empty():
            raise
        return act()


def companions(entry: Entry) -> tuple[Source, ...]:
    """What an entry needs besides its weights, which must be there already; less what their folder holds itself."""
    folder = found(entry.sources[0])
    if folder is None:
        raise CheckpointError(f"The files of {entry.name} have just been removed; try again.")
    beside_weights = folder if folder.is_dir() else folder.parent
    needed = entry.sources[1:] or FAMILIES[entry.family or detect_family(folder, entry.name)].companions
    return tuple(source for source in needed if not _holds(beside_weights, source))


def _holds(folder: Path, source: Source) -> bool:
    """Whether a folder holds a source's files, or GPT-2's tokenizer in its older form."""
    if all(path_in(folder, name).is_file() for name in source.files):
        return True
    return source == GPT2 and (folder / "merges.txt").is_file()


MODEL_CACHE: ModelCache[Checkpoint] = ModelCache()
"""The other models that are loaded; all are dropped when there is too little memory for another."""


def load(name: str, compute: Compute) -> Checkpoint:
    """A model by name, hub id or folder; downloads what is missing.

    Raises:
        CheckpointError: in one sentence that says what is wrong and what to do.
    """
    if names_embedded(name):
        return load_embedded(name, compute)
    return _with_room(lambda: MODEL_CACHE.get(name, compute, _load))


def _load(name: str, compute: Compute) -> Checkpoint:
    entry = find(name)
    _ensure_devices(entry.name, entry.family, compute)
    for _ in fetching(name, compute):
        pass
    sources = (entry.sources[0], *companions(entry))
    places = [place for source in sources if (place := found(source)) is not None]
    family = entry.family or detect_family(places[0], entry.name)
    _ensure_devices(entry.name, family, compute)
    try:
        loaded = FAMILIES[family].load(tuple(places), entry.name, compute)
    except CheckpointError:
        raise
    except (ValueError, OSError, RuntimeError) as error:
        raise CheckpointError(f"{entry.name} cannot be loaded: {_one_line(error, places, entry.name)}") from error
    return replace(loaded, name=entry.name)


def _ensure_devices(name: str, family: str, compute: Compute) -> None:
    """Refuse a model, of a family if that is known yet, where it cannot be run as is asked for."""
    if family and not FAMILIES[family].splits:
        ensure_whole(name, compute)
    if family and compute.backend and not FAMILIES[family].compiles:
        raise CheckpointError(f"{name} does not run with {compute.backend}: take the device cpu.")
    there = {"cuda": torch.cuda.device_count(), "mps": 1}.get(compute.device.type, compute.devices)
    if compute.devices > there:
        raise CheckpointError(
            f"{name} is to be split over {compute.devices} devices, but this process sees {there}: take a smaller "
            "--tensor-parallel-size."
        )


def _one_line(error: Exception, places: list[Path], name: str) -> str:
    """An error's text in one line, without the paths of this machine and the hub's commit hashes."""
    text = " ".join(str(error).split())
    for place in places:
        text = text.replace(f"{place}/", "").replace(str(place), place.name)
        if place.parent.name == "snapshots":
            text = text.replace(place.name, name)
    return text[:400]
