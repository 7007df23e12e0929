"""The training loop of all domains: fresh batches, Muon and AdamW, averaged weights, resumable, timed in minutes.

On a CPU and on a GPU it is the same: a step has fixed shapes and reads nothing back, so that the host stays ahead of
the device; the loss is read with each line of progress.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from remdm.models.checkpoints import ARCHITECTURES, EmbeddedNetwork, save_embedded, total_parameters
from remdm.models.network import Network, compute
from remdm.models.weights import load_weights, save_weights
from remdm.sampling.nelbo import corrupt, mdlm_nelbo, stratified_times
from remdm.training.batches import Data, made_ahead
from remdm.training.objective import Objective, most_masked, wanted
from remdm.training.optimisers import optimisers
from remdm.training.recorded import Recorded

STATE = "training.pt"
LOG = "training.jsonl"
PROGRESS_SECONDS = 10.0
"""Between two lines of progress."""


@dataclass(frozen=True)
class Recipe:
    """How long and how fast to train.

    Attributes:
        minutes: training time in all, earlier sessions of the same run included; the rates fall to 0 at its end.
        batch: sequences per step.
        matrix_rate: learning rate of the hidden matrices (Muon).
        other_rate: learning rate of embeddings, norms and head (AdamW).
        cooldown: share of the time over which the rates fall.
        average: decay of the running average of the weights, which is what is exported.
        save_minutes: minutes between states on disk.
        seed: of weights and masks.
        compiled: whether the network is compiled first: takes a minute and a C++ compiler, then about 1.6 times the
            speed on a CPU.
        device: as in `network.compute`.
        data: a folder with the training data as the trainer packed them, in place of the one below the checkpoint.
        snapshots: shares of the time after which the averaged weights are kept in a file of their own.
    """

    minutes: float
    batch: int = 16
    matrix_rate: float = 0.02
    other_rate: float = 0.003
    cooldown: float = 0.4
    average: float = 0.999
    save_minutes: float = 3.0
    seed: int = 0
    compiled: bool = False
    device: str = "auto"
    data: Path | None = None
    snapshots: tuple[float, ...] = ()


Trainer = Callable[[Path, Recipe], None]
"""Trains a model by a recipe and exports it to a folder as it goes."""


@dataclass(frozen=True)
class Task:
    """What is trained.

    Attributes:
        network: token ids to logits. data: what it is trained on. tokenizer: of its ids, with a `<mask>`.
        about: what the checkpoint says of the training besides the recipe and how far it came.
        best: whether the averaged network is exported only when it has become better, rather than at every save.
        eight_bits: whether it is exported in 8 bits however small it is.
    """

    network: Network
    data: Data
    tokenizer: Tokenizer
    about: Mapping[str, Any] = field(default_factory=dict)
    best: bool = False
    eight_bits: bool = False

    @cached_property
    def mask_id(self) -> int:
        return self.tokenizer.get_vocab()["<mask>"]


def rate(done: float, recipe: Recipe, step: int) -> float:
    """The factor on the learning rates after a share `done` of the time: warm-up over 100 steps, hold, fall to 0."""
    return min(1.0, (step + 1) / 100) * min(1.0, max(0.0, (1.0 - done) / recipe.cooldown))


def heldout_nelbo(network: Network, task: Task, passes: int = 2) -> float:
    """MDLM's bound on held-out tokens in nats per token; the same masks each time, t stratified (`sampling.nelbo`)."""
    generator = torch.Generator().manual_seed(0)
    device, data = next(network.parameters()).device, task.data
    network.eval()
    log_x = lambda z, rows: network.head(network.hidden(z)[rows])  # noqa: E731
    with torch.inference_mode():
        total = [
            mdlm_nelbo(
                log_x, part.to(device), stratified_times(len(part), generator), task.mask_id, generator,
                data.given and data.given(part).to(device),
            )
            for _ in range(passes)
            for part in data.heldout.split(64)
        ]  # fmt: skip
    network.train()
    return torch.cat(total).mean().item()


def warm_started(folder: Path, shape: Any, seed: int, begin: Callable[[Any], None] | None = None) -> EmbeddedNetwork:
    """A network to train, with the weights of the folder's checkpoint if that has the same shape, otherwise fresh.

    `shape` is the config of one of `ARCHITECTURES`. `begin` sets initial weights of a fresh one. A saved training
    state, where there is one, replaces both (`Run`).
    """
    torch.manual_seed(seed)
    network = next(make for make, config in ARCHITECTURES.values() if config is type(shape))(shape)
    weights, config = folder / "model.safetensors", folder / "config.json"
    if weights.is_file() and json.loads(config.read_text(encoding="utf-8"))["shape"] == asdict(shape):
        network.load_state_dict(load_weights(weights))
        print(f"Continuing from the weights in {folder}")
    elif begin:
        begin(network)
    return network


class Run:
    """A training run: network, optimisers, average and time spent; saved to and resumed from a checkpoint's folder."""

    def __init__(self, task: Task, recipe: Recipe, folder: Path) -> None:
        self.task, self.recipe, self.folder, self.compute = task, recipe, folder, compute(recipe.device)
        self.work, device = folder / "training", self.compute.device
        self.network = task.network.to(device)
        self.average = deepcopy(self.network).requires_grad_(False)
        self.optimisers = optimisers(self.network, recipe.matrix_rate, recipe.other_rate, device.type == "cuda")
        self.objective = Objective(self.network, task.mask_id)
        if recipe.compiled:
            self.objective.compile_parts()
        data = task.data
        free = data.heldout.shape[1] if data.given is None else int((~data.given(data.heldout)).sum(1).max())
        self.masks = most_masked(recipe.batch, free)
        self.generator = torch.Generator(device).manual_seed(recipe.seed)
        self.step, self.seconds, self.tokens = 0, 0.0, 0
        self.loss: Tensor | None = None
        self.best = math.inf
        self._resume()
        self.batches = made_ahead(self._batch, self.step, device)
        on_a_card = device.type == "cuda"
        self.gradients = Recorded(self._gradients, self.network) if on_a_card else self._gradients

    def _batch(self, index: int) -> tuple[Tensor, Tensor | None]:
        x = self.task.data.batch(index, self.recipe.batch)
        return x, self.task.data.given and self.task.data.given(x)

    def _resume(self) -> None:
        path = self.work / STATE
        if not path.exists():
            return
        state = torch.load(path, "cpu", weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.seconds, self.tokens = state["step"], state["seconds"], state["tokens"]
        self.generator.set_state(state["random"])

    @property
    def done(self) -> float:
        """The share of the time that is over."""
        return self.seconds / 60 / self.recipe.minutes

    def save(self) -> float:
        """Export the averaged network, log and return its held-out bound in nats per token, save the state."""
        nelbo = heldout_nelbo(self.average, self.task)
        about = asdict(self.recipe) | {
            "data": None if self.recipe.data is None else self.recipe.data.name,
            "planned_minutes": self.recipe.minutes,
            "step": self.step,
            "minutes": round(self.seconds / 60, 2),
            "tokens": self.tokens,
            "nelbo": round(nelbo, 4),
            "dtype": str(self.compute.dtype),
        }
        if nelbo <= self.best or not self.task.best:
            self.best = nelbo
            save_embedded(
                self.folder, self.average, self.task.tokenizer, self.task.mask_id, {**about, **self.task.about},
                self.task.eight_bits,
            )  # fmt: skip
        self.work.mkdir(parents=True, exist_ok=True)
        with (self.work / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(about) + "\n")
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [each.state_dict() for each in self.optimisers],
            "step": self.step,
            "seconds": self.seconds,
            "tokens": self.tokens,
            "random": self.generator.get_state(),
        }
        partial = self.work / (STATE + ".part")
        torch.save(state, partial)
        partial.replace(self.work / STATE)  # an interruption while writing never loses the run
        return nelbo

    def keep(self, share: float) -> None:
        """Write the averaged weights as they are after this share of the time, next to the checkpoint's own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        save_weights(self.average, self.folder / f"model-{round(100 * share)}.safetensors")

    def _gradients(self, x: Tensor, z: Tensor, chosen: Tensor, share: Tensor) -> Tensor:
        """The loss of a batch; the network has its gradients, clipped at norm 1. Arguments as of `Objective`."""
        self.network.zero_grad(set_to_none=True)
        with self.compute.autocast(cached=False):  # what a recording must not share with what is computed apart from it
            loss = self.objective(x, z, chosen, share)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        return loss.detach()

    def advance(self) -> None:
        """One step; the loss is added to a running mean that stays on the device."""
        factor = rate(self.done, self.recipe, self.step)
        rates = (self.recipe.matrix_rate, self.recipe.other_rate)[-len(self.optimisers) :]
        for optimiser, top in zip(self.optimisers, rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = top * factor
        x, given = next(self.batches)
        z = corrupt(x, 1.0 - stratified_times(len(x), self.generator), self.task.mask_id, self.generator, given)
        loss = self.gradients(x, z, *wanted(z, self.task.mask_id, self.masks))
        for optimiser in self.optimisers:
            optimiser.step()
        # the average's decay is smaller at the start, when the weights are still far off
        pull = 1 - min(self.recipe.average, (1 + self.step) / (10 + self.step)) if self.step else 1.0
        torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), pull)
        self.loss = loss.clone() if self.loss is None else self.loss.lerp(loss, 0.02)
        self.step, self.tokens = self.step + 1, self.tokens + x.numel()


def train(task: Task, recipe: Recipe, folder: Path) -> None:
    """Train until `recipe.minutes` are spent, saving regularly; call again with more minutes to continue.

    The checkpoint goes to the folder, the state to `training` in it.

    All that happens counts, compiling and saving too. On a CPU a step counts for at most 5 seconds, so that a
    suspended process loses no training time.
    """
    stream = torch.cuda.Stream() if compute(recipe.device).device.type == "cuda" else None
    with torch.cuda.stream(stream):  # what is recorded (`recorded.py`) may not be on the default one
        _train(task, recipe, folder)


def _train(task: Task, recipe: Recipe, folder: Path) -> None:
    last = time.monotonic()
    run = Run(task, recipe, folder)
    parameters, where = f"{total_parameters(run.network) / 1e6:.2f}M parameters", run.compute
    print(f"{parameters}, {where.device.type} {where.dtype}: {where.reason}", flush=True)
    longest = 5.0 if where.device.type == "cpu" else math.inf
    saved = printed = run.seconds
    tokens = run.tokens
    kept = {share for share in recipe.snapshots if share <= run.done}
    while run.done < 1:
        run.advance()
        now = time.monotonic()
        run.seconds, last = run.seconds + min(now - last, longest), now
        if run.seconds - printed > PROGRESS_SECONDS:
            assert run.loss is not None
            speed = (run.tokens - tokens) / (run.seconds - printed)
            printed, tokens = run.seconds, run.tokens
            print(
                f"{run.seconds / 60:.2f} min, step {run.step:,}: loss {run.loss.item():.3f}, {speed:,.0f} tokens/s",
                flush=True,
            )
        for share in set(recipe.snapshots) - kept:
            if run.done >= share:
                kept.add(share)
                run.keep(share)
        if run.seconds - saved > recipe.save_minutes * 60:
            saved = run.seconds
            so_far = f"{run.seconds / 60:.2f} min, {run.tokens / 1e6:.2f}M tokens"
            print(f"{so_far}: held-out {run.save():.4f} nats a token", flush=True)
    print(f"done: held-out {run.save():.4f} nats a token", flush=True)
