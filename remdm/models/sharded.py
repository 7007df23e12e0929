"""A LLaDA that one device does not hold, split over several by tensor parallelism (arXiv 1909.08053).

Each device has a process and a part of every block: some of the heads, some of the inner channels. The first process is
the replica, with the batcher, the head and all draws; the others are plain commands that it starts, and do nothing but
take part in its forwards. They get the tokens, and what the parts of attention and of feed-forward give is summed over
all processes, so that each has the whole hidden states.
"""

import json
import os
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from datetime import timedelta
from functools import reduce
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from remdm.models.llada import LLaDA, load_llada
from remdm.models.network import Compute, Network
from remdm.models.threads import fitting

SECONDS = 60.0
"""That a process waits for the others within a forward."""
LOADING = 1200.0
"""Seconds that loading a share may take."""


class Lost(RuntimeError):
    """A process with a share of the model ended, or does not answer."""


class Group:
    """The processes of one model as each of them has it: NCCL between CUDA devices, gloo elsewhere.

    It is not torch's default group, of which a process has one: a replica may have several models.
    """

    def __init__(self, network: LLaDA, rank: int, shares: int, seconds: float) -> None:
        """`rank` of this process among `shares`; from now on the blocks of `network` wait for the others."""
        self.rank, self.shares, self.seconds = rank, shares, seconds
        self._backend: Any = None
        for block in network.transformer.blocks:
            for name in ("attn_out", "ff_out"):
                block.get_submodule(name).register_forward_hook(lambda _module, _args, summand: self._summed(summand))

    def join(self, folder: Path, device: torch.device) -> None:
        """Meet the others, all of which see the same folder.

        Raises:
            Lost: if they do not come in time.
        """
        store, timeout = dist.FileStore(str(folder / "store"), self.shares), timedelta(seconds=self.seconds)
        try:
            if device.type == "cuda":
                os.environ["TORCH_NCCL_BLOCKING_WAIT"] = "1"  # an error in place of the process's end
                options = dist.ProcessGroupNCCL.Options()
                options._timeout = timeout
                self._backend = dist.ProcessGroupNCCL(store, self.rank, self.shares, options)
            else:
                self._backend = dist.ProcessGroupGloo(store, self.rank, self.shares, timeout)
        except RuntimeError as error:
            raise self.lost() from error

    def send(self, tokens: Tensor) -> None:
        """Give the first process's ids `[B, L]` to all; the others' tensors are overwritten.

        Raises:
            Lost: if one of them ended, or does not come in time.
        """
        self._wait(lambda: self._backend.broadcast(tokens, 0))

    def _summed(self, summand: Tensor) -> Tensor:
        """The sum over all processes, in the same order everywhere: a reduction's depends on the size of the batch."""
        summands = [torch.empty_like(summand) for _ in range(self.shares)]
        self._wait(lambda: self._backend.allgather([summands], [summand]))
        return reduce(torch.add, summands)

    def _wait(self, begin: Any) -> None:
        try:
            begin().wait()
        except RuntimeError as error:
            raise self.lost() from error

    def lost(self) -> Lost:
        """What is raised where they are not all there any more."""
        return Lost(
            f"One of the {self.shares} processes that compute this model together ended, or did not answer within "
            f"{self.seconds:g} s; the next run starts it anew"
        )


class Sharded(Network):
    """A LLaDA over the devices of a `Compute`; to its callers a network on the first of them.

    One call at a time. After an error in one, the other processes are started anew at the next.
    """

    def __init__(self, folder: Path, compute: Compute, seconds: float = SECONDS) -> None:
        """Load a share here and the others in processes of their own.

        Args:
            folder: as `load_llada` takes it.
            compute: with the number of devices.
            seconds: that a process waits for the others within a forward.

        Raises:
            FileNotFoundError, ValueError: as `load_llada`, for what any of the processes meets.
        """
        super().__init__()
        self.network = load_llada(folder, compute.dtype, compute.device, shares=compute.devices)
        self.config = self.network.config
        self._folder, self._compute, self._lock = folder, compute, threading.Lock()
        self._group = Group(self.network, 0, compute.devices, seconds)
        self._others: list[subprocess.Popen[str]] = []
        weakref.finalize(self, _end, self._others)
        self._start()

    def hidden(self, tokens: Tensor) -> Tensor:
        """What the head reads, `[B, L, D]`, of ids `[B, L]`.

        Raises:
            Lost: if another process ended meanwhile, or does not answer.
        """
        with self._lock:
            if not self._others or any(each.poll() is not None for each in self._others):
                self._start()
            try:
                for each in self._others:
                    _tell(each, list(tokens.shape))
                self._group.send(tokens.contiguous())
                return self.network.hidden(tokens)
            except BaseException as error:  # the others wait within a forward that is not made any more
                _end(self._others)
                if isinstance(error, OSError):
                    raise self._group.lost() from error
                raise

    def head(self, hidden: Tensor) -> Tensor:
        """Logits `[n, V]` of `[n, D]`, made by this process alone."""
        return self.network.head(hidden)

    def _start(self) -> None:
        """Start the other processes, wait until each has its share, and meet them."""
        _end(self._others)
        self._place = TemporaryDirectory(prefix="remdm-shares-")
        compute, paths = self._compute, os.pathsep.join(each for each in sys.path if each)
        try:
            for rank in range(1, compute.devices):
                process = subprocess.Popen(
                    [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                    env={**os.environ, "PYTHONPATH": paths},
                    start_new_session=True,  # an interrupt at the keyboard is for the server
                )  # fmt: skip
                self._others.append(process)
                _tell(process, {
                    "folder": str(self._folder), "dtype": str(compute.dtype).removeprefix("torch."),
                    "device": compute.device.type, "rank": rank, "shares": compute.devices,
                    "seconds": self._group.seconds, "place": self._place.name,
                })  # fmt: skip
            for process in self._others:
                _await(process)
            self._group.join(Path(self._place.name), compute.device)
        except BaseException:
            _end(self._others)
            raise


def _tell(process: "subprocess.Popen[str]", what: Any) -> None:
    assert process.stdin
    process.stdin.write(json.dumps(what) + "\n")
    process.stdin.flush()


def _await(process: "subprocess.Popen[str]") -> None:
    """Wait until a process has its share.

    Raises:
        ValueError: with what it met.
    """
    assert process.stdout
    late = threading.Timer(LOADING, process.kill)
    late.start()
    try:
        line = process.stdout.readline()
    finally:
        late.cancel()
    if line.strip() or not line:
        raise ValueError(line.strip() or "a process ended while it loaded its share of the model")


def _end(processes: "list[subprocess.Popen[str]]") -> None:
    """End them all and forget them."""
    for process in processes:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
    processes.clear()


def _listen(orders: "SimpleQueue[Any]") -> None:
    """Pass on what the first process wants; this one ends with it, whatever it does at the time."""
    with suppress(ValueError):
        for line in sys.stdin:
            orders.put(json.loads(line))
    os._exit(0)


def _serve() -> None:
    """Load a share, then take part in each forward."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever is printed meanwhile is not an answer
    orders: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    asked = orders.get()
    rank, shares = asked["rank"], asked["shares"]
    device = torch.device(asked["device"], rank) if asked["device"] == "cuda" else torch.device(asked["device"])
    try:
        if device.type == "cuda":
            torch.cuda.set_device(device)
        network = load_llada(Path(asked["folder"]), getattr(torch, asked["dtype"]), device, rank, shares)
    except (ValueError, OSError, RuntimeError) as error:  # RuntimeError: torch's, out of memory among them
        print(" ".join(str(error).split()), file=answers, flush=True)
        return
    group = Group(network, rank, shares, asked["seconds"])
    print(file=answers, flush=True)
    group.join(Path(asked["place"]), device)
    with torch.inference_mode():
        while True:
            tokens = torch.empty(orders.get(), dtype=torch.int64, device=device)
            group.send(tokens)
            with fitting(network, tokens):
                network.hidden(tokens)


if __name__ == "__main__":
    _serve()
