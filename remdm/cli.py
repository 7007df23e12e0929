"""The command line: the same runs without a page. Thin: each command's work is elsewhere."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import Field
from pathlib import Path
from typing import TYPE_CHECKING

from remdm.models.checkpoints import CheckpointError
from remdm.sampling.knobs import knobs, parse

if TYPE_CHECKING:
    from remdm.runs.domain import Domain, Model
    from remdm.sampling.methods import Settings


def parser() -> argparse.ArgumentParser:
    """All commands and flags."""
    made = argparse.ArgumentParser(prog="python -m remdm", description="ReMDM Studio without the page.")
    commands = made.add_subparsers(dest="command", required=True)
    from remdm.domains import registry
    from remdm.evaluation.tuning import search
    from remdm.hub import listing
    from remdm.studies import bench, bound, paper_tables, precision

    sampling = commands.add_parser("sample", help="run a sampler and write its trace")
    training = commands.add_parser("train", help="train an embedded model; call again to go on")
    evaluating = commands.add_parser("evaluate", help="sample many and measure")
    _sample_flags(sampling)
    _train_flags(training)
    sampling.set_defaults(run=sample)
    training.set_defaults(run=train)
    measured = evaluating.add_subparsers(dest="domain", required=True)
    tuning = commands.add_parser("tune", help="search for the best settings of a sampler")
    search.add_arguments(tuning, registry.NAMES)
    tuning.set_defaults(run=tune)
    others = {
        "tables": (paper_tables, "the paper's tables beside ours, from the result files"),
        "precision": (precision, "what 32-bit noise does, on a language that is known exactly"),
        "bound": (bound, "the training bound on held-out text"),
        "bench": (bench, "time a step beside a literal one"),
        "models": (listing, "list the models, fetch one, measure what loading takes"),
    }
    made_of = [(measured.add_parser(name), registry.role(name, "measure")) for name in registry.NAMES]
    made_of += [(commands.add_parser(name, help=help), module) for name, (module, help) in others.items()]
    for command, module in made_of:
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return made


def _sample_flags(sub: argparse.ArgumentParser) -> None:
    from remdm.domains.registry import DOMAINS
    from remdm.sampling.methods import METHODS, options

    sub.add_argument("domain", choices=tuple(DOMAINS))
    sub.add_argument("--sampler", choices=tuple(METHODS), help="default: the model's own, else remdm-loop")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--count", type=int, default=1, help="how many runs of this seed")
    sub.add_argument("--prompt", default="", help="words are kept; _ is one blank, _5 five, a final ... goes on")
    sub.add_argument("--model", help="one of the domain's models (default: its first)")
    sub.add_argument("--length", type=int, help="positions, where the model allows a choice")
    for name, (each, where) in _asked_fields().items():
        sub.add_argument(_flag(name), help=f"{_help(each)} ({', '.join(where)})")
    for name, each in options().items():
        sub.add_argument(_flag(name), help=_help(each))
    help_confidence = "recorded of every masked position at each step (default), or of decoded tokens only: faster"
    sub.add_argument("--confidence", default="all", choices=("all", "decoded"), help=help_confidence)
    sub.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    sub.add_argument(
        "--out", type=Path, help="a .json or .json.gz file, or else a folder; without it the text is printed"
    )


def _help(each: Field) -> str:
    about = each.metadata["knob"]
    one_of = f" One of {', '.join(map(str, about['choices']))}." if about["choices"] else ""
    return (about["help"] + one_of).replace("%", "%%")


def _asked_fields() -> dict[str, tuple[Field, list[str]]]:
    """What any domain asks for beside the prompt, by name: the field and the domains that have it."""
    from remdm.domains.registry import DOMAINS

    found: dict[str, tuple[Field, list[str]]] = {}
    for domain in DOMAINS.values():
        for name, each in knobs(domain.ask).items():
            found.setdefault(name, (each, []))[1].append(domain.name)
    return found


def asked(domain: "Domain", model: "Model", args: argparse.Namespace) -> object:
    """What the flags ask for beside the prompt, as the domain's own kind.

    Raises:
        ValueError: for a flag of another domain or a value that will not do.
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


def chosen(model: "Model", args: argparse.Namespace) -> "Settings":
    """The settings that the flags ask for; what they leave open is the model's own, then the paper's.

    Raises:
        ValueError: for values that will not do.
    """
    from remdm.sampling import methods
    from remdm.sampling.denoiser import Truncation

    own = {"sampler": "remdm-loop", "steps": 64, **model.defaults}
    sampler = args.sampler or own["sampler"]
    if sampler != own["sampler"]:  # only how tokens are drawn suits other samplers too
        own = {name: own[name] for name in ("steps", *knobs(Truncation)) if name in own}
    options = methods.options()
    own = {name: value for name, value in own.items() if name in options}
    return methods.settings(sampler, **own | methods.parse(_given(args, options)))


def _train_flags(sub: argparse.ArgumentParser) -> None:
    from remdm.domains.registry import NAMES

    sub.add_argument("domain", choices=NAMES)
    sub.add_argument("--model", help="one of the domain's models (default: its first)")
    sub.add_argument("--minutes", type=float, default=120, help="training time in all, earlier sessions included")
    sub.add_argument("--batch", type=int, default=16)
    sub.add_argument("--matrix-rate", type=float, default=0.02, help="Muon's learning rate")
    sub.add_argument("--other-rate", type=float, default=0.003, help="AdamW's learning rate")
    sub.add_argument("--cooldown", type=float, default=0.4, help="share of the time over which the rates fall")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--compile", action="store_true", help="compile the network first: much faster on CPU")
    sub.add_argument("--folder", type=Path, help="where the checkpoint goes (default checkpoints/MODEL)")


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


def sample(args: argparse.Namespace) -> None:
    """`sample`: K runs of one seed, written as traces or printed."""
    from remdm.domains.registry import DOMAINS
    from remdm.hub.listing import get
    from remdm.runs.record import RunRequest, record
    from remdm.runs.trace import save

    if args.count < 1:
        raise ValueError(f"count must be at least 1, got {args.count}")
    domain = DOMAINS[args.domain]
    model = domain.model(args.model)
    made = chosen(model, args)
    wish = asked(domain, model, args)
    stem = f"{args.domain}-{made.sampler}-{made.steps}-{args.seed}"
    targets = paths(args.out, args.count, stem) if args.out else [None] * args.count
    for index, target in enumerate(targets):
        length = args.length or model.length
        watch = args.confidence == "all"
        order = RunRequest(domain, model, args.prompt, length, made, args.seed, index, args.device, wish, watch=watch)
        if model.fetch is not None:
            get(model.name, args.device)
        trace = record(order)
        if target is None:
            print(trace.text)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        save(trace, target)
        print(target)


def tune(args: argparse.Namespace) -> None:
    """`tune`: the settings of a domain's embedded model."""
    from remdm.domains.registry import DOMAINS, measurements
    from remdm.evaluation.tuning import search

    search.run(args, measurements()[args.domain], DOMAINS[args.domain].models[0].name)


def train(args: argparse.Namespace) -> None:
    """`train`: an embedded model of a domain."""
    from remdm.domains.registry import trainers as every
    from remdm.models.checkpoints import ROOT
    from remdm.training.loop import Recipe

    trainers = every()[args.domain]
    name = args.model or next(iter(trainers))
    if name not in trainers:
        raise ValueError(f"model must be one of {', '.join(trainers)}, got {name}")
    recipe = Recipe(
        args.minutes, args.batch, args.matrix_rate, args.other_rate, args.cooldown,
        seed=args.seed, compiled=args.compile,
    )  # fmt: skip
    trainers[name](args.folder or ROOT / name, recipe)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command; what the user got wrong is one sentence on stderr and exit status 2."""
    args = parser().parse_args(argv)
    try:
        args.run(args)
    except (ValueError, CheckpointError, OSError) as error:
        print(f"remdm: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
