"""`python -m remdm models`: which models there are, where their files are, and what loading one takes."""

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import torch

from remdm.hub import checking
from remdm.hub.catalog import ENTRIES, REFUSED, Entry
from remdm.hub.download import Fetched
from remdm.hub.image import ImageCheckpoint
from remdm.hub.loading import fetching, find, load
from remdm.hub.store import LOCAL, found, size
from remdm.models import checkpoints
from remdm.models.checkpoints import total_parameters
from remdm.models.dit import DiTConfig
from remdm.models.dit_files import blank as blank_dit
from remdm.models.llada import LLaDA, LLaDAConfig
from remdm.models.network import DEVICES, compute
from remdm.models.weights import blank

SKELETONS = {
    "mdlm-owt": lambda: blank_dit(DiTConfig(50_258, 1024, 768, 128, 12, 12)),
    "llada-8b": lambda: blank(lambda: LLaDA(LLaDAConfig(4096, 32, 32, 32, 12_288, 126_464, 4096))),
}
"""Networks of published shapes without weights."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--fetch", metavar="MODEL", help="download a model for use without a network")
    parser.add_argument(
        "--measure", metavar="MODEL", help="measure loading a model (name, hub id or folder): time and memory"
    )
    parser.add_argument(
        "--skeleton", choices=tuple(SKELETONS), help="count the weights of a published shape without downloading it"
    )
    parser.add_argument("--check", metavar="FOLDER", help="say what a folder is, what it lacks, and whether it loads")
    parser.add_argument(
        "--export", nargs=2, metavar=("MODEL", "FOLDER"), help="write an embedded model as a repository of the hub"
    )
    parser.add_argument("--device", default="auto", choices=DEVICES)


def run(args: argparse.Namespace) -> None:
    """Print the list of models, or download, measure or count one."""
    if args.skeleton:
        skeleton(args.skeleton)
    elif args.check:
        print("\n".join(checking.check(args.check, compute(args.device))))
    elif args.export:
        print("\n".join(map(str, checking.export(args.export[0], Path(args.export[1])))))
    elif args.fetch:
        get(args.fetch, args.device)
    elif args.measure:
        get(args.measure, args.device)
        measure(args.measure, args.device)
    else:
        print("\n".join(listed()))


def listed() -> list[str]:
    """The list as lines: name, kind, weights, licence and whereabouts of each model."""
    rows = [("model", "kind", "weights", "licence", "where")]
    for folder in sorted(path.parent for path in checkpoints.ROOT.glob("*/config.json")):
        weights = (folder / "model.safetensors").stat().st_size / 2 if checkpoints.is_embedded(folder.name) else 0
        rows.append((folder.name, "embedded", f"{weights / 1e6:.1f} M", "see its card", f"checkpoints/{folder.name}"))
    for entry in ENTRIES.values():
        rows.append((entry.name, entry.kind, f"{entry.weights / 1e6:,.0f} M", entry.licence, whereabouts(entry)))
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    lines = ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[4]]) for row in rows]
    refused = "; ".join(f"{repo} ({noise} noise, no mask)" for repo, noise in REFUSED.items())
    lines.append(
        f"\nAny other masked language model: by hub id or folder. {LOCAL} names a folder that stands in for the"
    )
    return [*lines, f"hub. Cannot be sampled here: {refused}."]


def whereabouts(entry: Entry) -> str:
    """Where an entry's files are, or what it takes to get them."""
    if all(found(source) is not None for source in entry.sources):
        return "on this machine"
    return f"hub: {entry.repo}" + (f", {size(entry.download)}" if entry.download else "")


def get(name: str, device: str) -> None:
    """Download a model's missing files, with a line of progress on the terminal."""
    shown(fetching(name, compute(device)))


def shown(reports: Iterable[Fetched]) -> None:
    """Follow a download on the terminal."""
    for progress in reports:
        print(f"\r{progress.sentence:<78}", end="", file=sys.stderr, flush=True)
    print(f"\r{'':<78}\r", end="", file=sys.stderr)


def _resident() -> float:
    """The peak memory of this process in bytes."""
    import resource  # not on every system

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _clocks() -> tuple[float, float]:
    """Wall time and this process's CPU time in seconds: on a shared machine they differ."""
    return time.perf_counter(), time.process_time()


def _since(begun: tuple[float, float]) -> dict[str, float]:
    wall, work = (now - then for now, then in zip(_clocks(), begun, strict=True))
    return {"wall": round(wall, 3), "cpu": round(work, 3)}


def measure(name: str, device: str) -> None:
    """Print what loading and one forward of a whole sequence take, as one line of JSON."""
    place, before = compute(device), _resident()
    begun = _clocks()
    loaded = load(name, place)
    seconds = _since(begun)
    network, length = loaded.denoiser.network, loaded.length
    held = sum(weight.numel() * weight.element_size() for weight in network.parameters())
    tokens = torch.full((1, length), loaded.mask_id)
    rows = torch.zeros(1, length, dtype=torch.bool)
    rows[0, : max(1, length // 16)] = True  # about what a step decodes
    loaded.denoiser(tokens, rows, 1.0)
    begun = _clocks()
    loaded.denoiser(tokens, rows, 1.0)
    step = _since(begun)
    report = {
        "model": find(name).name if not checkpoints.is_embedded(name) else name,
        "device": place.title,
        "weights": total_parameters(network),
        "weights_bytes": held,
        "load_seconds": seconds,
        "peak_growth_bytes": int(_resident() - before),
        "positions": length,
        "forward_seconds": step,
        **({"decoder_weights": total_parameters(loaded.decoder)} if isinstance(loaded, ImageCheckpoint) else {}),
    }
    print(json.dumps(report))


def skeleton(name: str) -> None:
    """Print the size of a published shape, built without memory, as one line of JSON."""
    before, begun = _resident(), _clocks()
    network = SKELETONS[name]()
    count = total_parameters(network)
    report = {
        "model": name,
        "weights": count,
        "bfloat16_bytes": 2 * count,
        "float32_bytes": 4 * count,
        "build_seconds": _since(begun),
        "memory_bytes": int(_resident() - before),
        "tensors": len(network.state_dict()),
    }
    print(json.dumps(report))
