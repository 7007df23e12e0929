"""`sample`: runs of one seed without a page, written as traces or printed."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import Field
from pathlib import Path

from remdm.domains.registry import DOMAINS
from remdm.hub.listing import get
from remdm.models.network import AT_ONCE, DEVICES
from remdm.runs.domain import Domain, Model
from remdm.runs.record import BrokenRun, Making, PreparedRun, record_together
from remdm.runs.request import RunRequest
from remdm.runs.trace import Trace
from remdm.runs.trace_file import save
from remdm.sampling import methods
from remdm.sampling.knobs import knobs, parse
from remdm.sampling.methods import Settings
from remdm.sampling.presets import METHODS
from remdm.serving.engine import ENGINES, from_environment
from remdm.serving.engine import chosen as chosen_engine
from remdm.serving.remote import ADDRESS
from remdm.serving.wire import MOST_RUNS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command; those of the settings are made from the samplers' fields."""
    parser.add_argument("domain", choices=tuple(DOMAINS))
    parser.add_argument("--sampler", choices=tuple(METHODS), help="default: the model's own, else remdm-loop")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=1, help="how many runs of this seed")
    parser.add_argument("--prompt", default="", help="words are kept; _ is one blank, _5 five, a final ... goes on")
    parser.add_argument("--model", help="one of the domain's models (default: its first)")
    parser.add_argument("--length", type=int, help="positions, where the model allows a choice")
    for name, (each, where) in _asked_fields().items():
        parser.add_argument(_flag(name), help=f"{_help(each)} ({', '.join(where)})")
    for name, each in methods.options().items():
        parser.add_argument(_flag(name), help=_help(each))
    help_confidence = "recorded of every masked position at each step (default), or of decoded tokens only: faster"
    parser.add_argument("--confidence", default="all", choices=("all", "decoded"), help=help_confidence)
    help_drafts = "keep the likeliest token of each masked position too, which `remdm vote` counts"
    parser.add_argument("--drafts", action="store_true", help=help_drafts)
    parser.add_argument("--device", default="auto", choices=DEVICES)
    name, address = from_environment()
    parser.add_argument("--engine", default=name, choices=ENGINES, help="what makes the run: this process, or replicas")
    parser.add_argument("--address", default=address, help=f"where `remdm serve` answers (default {ADDRESS})")
    parser.add_argument(
        "--out", type=Path, help="a .json or .json.gz file, or else a folder; without it the text is printed"
    )


def _help(each: Field) -> str:
    about = each.metadata["knob"]
    one_of = f" One of {', '.join(map(str, about['choices']))}." if about["choices"] else ""
    return (about["help"] + one_of).replace("%", "%%")


def _asked_fields() -> dict[str, tuple[Field, list[str]]]:
    """What any domain asks for besides the prompt, by name: the field and the domains that have it."""
    found: dict[str, tuple[Field, list[str]]] = {}
    for domain in DOMAINS.values():
        for name, each in knobs(domain.ask).items():
            found.setdefault(name, (each, []))[1].append(domain.name)
    return found


def asked(domain: Domain, model: Model, args: argparse.Namespace) -> object:
    """What the flags ask for besides the prompt, as the domain's own kind.

    Raises:
        ValueError: for a flag of another domain or an invalid value.
    """
    texts = _given(args, _asked_fields())
    fields = knobs(domain.ask)
    for name in texts:
        if name not in fields:
            raise ValueError(f"{_flag(name)} does not apply to the domain {domain.name}")
    own = {name: allowed[0] for name, allowed in model.choices.items() if getattr(domain.ask(), name) not in allowed}
    own |= {name: value for name, value in model.defaults.items() if name in fields}
    return domain.ask(**own | parse(texts, fields))


def _given(args: argparse.Namespace, names: Iterable[str]) -> dict[str, str]:
    """The texts of the flags that were given."""
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def chosen(model: Model, args: argparse.Namespace) -> Settings:
    """The settings that the flags ask for; what they leave open is the model's own, then the paper's.

    Raises:
        ValueError: for invalid values.
    """
    own = {"sampler": "remdm-loop", "steps": 64, **model.defaults, **({} if args.sampler else model.recommended)}
    sampler = args.sampler or own["sampler"]
    if sampler != own["sampler"]:  # only how tokens are drawn suits other samplers too
        own = {"steps": own["steps"], **methods.drawn_as(own, sampler, own["steps"])}
    options = methods.options()
    own = {name: value for name, value in own.items() if name in options}
    return methods.settings(sampler, **own | methods.parse(_given(args, options)))


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def paths(out: Path, count: int, stem: str) -> list[Path]:
    """Where K traces go: a file for one, a folder for more (or if `out` is a folder or no .json name).

    Raises:
        ValueError: if several traces should go into one file.
    """
    is_file = out.name.endswith((".json", ".json.gz")) and not out.is_dir()
    if is_file and count > 1:
        raise ValueError(f"--out must be a folder for {count} traces, got the file {out.name}")
    return (
        [out]
        if is_file
        else [out / f"{stem}-{index:0{max(3, len(str(count - 1)))}d}.json.gz" for index in range(count)]
    )


def run(args: argparse.Namespace) -> None:
    """Write or print the runs.

    Raises:
        ValueError: for flags that do not fit the domain, the model or the sampler.
    """
    if args.count < 1:
        raise ValueError(f"count must be at least 1, got {args.count}")
    domain = DOMAINS[args.domain]
    model = domain.model(args.model)
    settings = chosen(model, args)
    extra = asked(domain, model, args)
    stem = f"{args.domain}-{settings.sampler}-{settings.steps}-{args.seed}"
    targets = paths(args.out, args.count, stem) if args.out else [None] * args.count
    engine = chosen_engine(args.engine, args.address)
    making = None if args.engine == "local" else engine.rows  # alone here, it needs no seat
    length, watch = model.length if args.length is None else args.length, args.confidence == "all"
    if model.fetch is not None:
        get(model.name, args.device)
    for target in targets[:1]:
        if target is not None:
            target.parent.mkdir(parents=True, exist_ok=True)  # before the runs, which would be lost
    size = at_once(model, length, settings)
    for first in range(0, args.count, size):
        prepared = [
            engine.prepare(
                RunRequest(
                    domain, model, args.prompt, length, settings, args.seed, index, args.device, extra, watch=watch,
                    drafts=args.drafts,
                )
            )
            for index in range(first, min(first + size, args.count))
        ]  # fmt: skip
        for note in prepared[0].notes if first == 0 else ():
            print(f"remdm: {note}", file=sys.stderr)
        _write(prepared, targets[first : first + size], making)


def at_once(model: Model, length: int, settings: Settings) -> int:
    """How many runs are made in one batch.

    One of a public model, whose batch may need more memory than there is, and one of those in blocks, since prompts may
    leave unlike numbers of blocks.
    """
    alone = model.fetch is not None or settings.answering.block_length
    return 1 if alone else max(1, min(AT_ONCE // max(length, 1), MOST_RUNS))


def _write(prepared: Sequence[PreparedRun], targets: Sequence[Path | None], making: Making | None) -> None:
    """Make runs in one batch, and write or print them; of runs that break off what was made before."""
    broken: BrokenRun | None = None
    try:
        traces: Sequence[Trace] = record_together(prepared, making)
    except BrokenRun as error:
        broken, traces = error, error.traces
    kept = [target for target, trace in zip(targets, traces, strict=True) if target and (trace.steps or not broken)]
    for target, trace in zip(targets, traces, strict=True):
        if target in kept:
            save(trace, target)
        if broken is None:
            print(trace.text if target is None else target)
    if broken is not None and kept:
        raise ValueError(f"{broken} What was made before is in {', '.join(map(str, kept))}.") from broken
    if broken is not None:
        raise broken
