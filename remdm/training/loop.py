"""The training loop of all domains: fresh batches, Muon and AdamW, averaged weights, resumable, timed in minutes."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from remdm.models.checkpoints import ARCHITECTURES, EmbeddedNetwork, total_parameters
from remdm.models.network import Compute, Network
from remdm.models.weights import load_weights
from remdm.sampling.nelbo import corrupt, cross_entropies, mdlm_nelbo, stratified_times

STATE = "training.pt"
LOG = "training.jsonl"


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


@dataclass(frozen=True)
class Task:
    """What is trained: a network, its data and its held-out tokens.

    Attributes:
        network: token ids to logits.
        batch: (index, size) -> clean tokens int64 `[size, L]`; the same for the same index on every machine.
        heldout: clean tokens `[N, L]` that no batch contains.
        mask_id: the mask's id.
        export: writes the averaged network to the checkpoint folder.
        given: clean tokens `[B, L]` -> the positions that are never masked, bool `[B, L]`: a condition, a prompt.
    """

    network: Network
    batch: Callable[[int, int], Tensor]
    heldout: Tensor
    mask_id: int
    export: Callable[[Network, dict], None]
    given: Callable[[Tensor], Tensor] | None = None


def optimisers(network: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon (arXiv 2502.16982) for the matrices inside blocks, AdamW for everything else.

    An `Encoder` calls its parts layers: what comes from AdamW goes on with AdamW.
    """
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, weight in network.named_parameters():
        hidden = weight.ndim == 2 and "blocks." in name and "mix." not in name and "gate." not in name
        (matrices if hidden else others).append(weight)
    adam = torch.optim.AdamW(others, lr=recipe.other_rate, betas=(0.9, 0.98), weight_decay=0.0)
    return [torch.optim.Muon(matrices, lr=recipe.matrix_rate, weight_decay=0.0), adam] if matrices else [adam]


def rate(done: float, recipe: Recipe, step: int) -> float:
    """The factor on the learning rates after a share `done` of the time: warm-up over 100 steps, hold, fall to 0."""
    return min(1.0, (step + 1) / 100) * min(1.0, max(0.0, (1.0 - done) / recipe.cooldown))


def _averaging(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """An exponential running average whose decay is smaller at the start, when the weights are still far off."""

    def average(running: Tensor, now: Tensor, count: Tensor | int) -> Tensor:
        return running.lerp(now, 1 - min(decay, (1 + int(count)) / (10 + int(count))))

    return average


def heldout_nelbo(network: Network, task: Task, passes: int = 2) -> float:
    """MDLM's bound on held-out tokens in nats per token; the same masks each time, t stratified (`sampling.nelbo`)."""
    generator = torch.Generator().manual_seed(0)
    network.eval()
    log_x = lambda z, rows: network.head(network.hidden(z)[rows])  # noqa: E731
    with torch.inference_mode():
        total = [
            mdlm_nelbo(
                log_x, part, stratified_times(len(part), generator), task.mask_id, generator,
                task.given and task.given(part),
            )
            for _ in range(passes)
            for part in task.heldout.split(64)
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
    """A training run: network, optimisers, average and time spent; saved to and resumed from a folder."""

    def __init__(self, task: Task, recipe: Recipe, folder: Path, compute: Compute) -> None:
        torch.manual_seed(recipe.seed)
        self.task, self.recipe, self.folder, self.compute = task, recipe, folder, compute
        self.network = task.network
        self.hidden = torch.compile(self.network.hidden) if recipe.compiled else self.network.hidden
        self.average = AveragedModel(self.network, avg_fn=_averaging(recipe.average))
        self.optimisers = optimisers(self.network, recipe)
        self.step, self.seconds, self.tokens = 0, 0.0, 0
        self._resume()

    def _resume(self) -> None:
        path = self.folder / STATE
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.seconds, self.tokens = state["step"], state["seconds"], state["tokens"]
        torch.set_rng_state(state["random"])

    def save(self) -> float:
        """Save the state, export the averaged network, log and return its held-out bound in nats per token."""
        averaged = self.average.module
        assert isinstance(averaged, Network)
        nelbo = heldout_nelbo(averaged, self.task)
        about = asdict(self.recipe) | {
            "planned_minutes": self.recipe.minutes,
            "step": self.step,
            "minutes": round(self.seconds / 60, 2),
            "tokens": self.tokens,
            "nelbo": round(nelbo, 4),
            "dtype": str(self.compute.dtype),
        }
        self.task.export(averaged, about)
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [each.state_dict() for each in self.optimisers],
            "step": self.step,
            "seconds": self.seconds,
            "tokens": self.tokens,
            "random": torch.get_rng_state(),
        }
        partial = self.folder / (STATE + ".part")
        torch.save(state, partial)
        partial.replace(self.folder / STATE)  # an interruption while writing never loses the run
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(about) + "\n")
        return nelbo

    def _logits(self, z: Tensor, rows: Tensor) -> Tensor:
        return self.network.head(self.hidden(z)[rows])

    def advance(self) -> float:
        """One step; returns its loss: the mean over sequences of the cross-entropy of their masked positions."""
        factor = rate(self.seconds / 60 / self.recipe.minutes, self.recipe, self.step)
        rates = (self.recipe.matrix_rate, self.recipe.other_rate)[-len(self.optimisers) :]
        for optimiser, top in zip(self.optimisers, rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = top * factor
        x = self.task.batch(self.step, self.recipe.batch)
        given = self.task.given and self.task.given(x)
        z = corrupt(x, 1.0 - stratified_times(len(x)), self.task.mask_id, given=given)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.compute.dtype == torch.bfloat16):
            losses = cross_entropies(self._logits, x, z, self.task.mask_id)
        # Each row weighs the same, as in the bound: the mean over its masks stands for the weight 1/t, with less noise.
        masked = z == self.task.mask_id
        loss = (losses / masked.sum(1)[masked.nonzero()[:, 0]]).sum() / len(x)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.average.update_parameters(self.network)
        self.step, self.tokens = self.step + 1, self.tokens + x.numel()
        return loss.item()


def train(task: Task, recipe: Recipe, folder: Path, compute: Compute) -> None:
    """Train until `recipe.minutes` are spent, saving regularly; call again with more minutes to continue.

    A step counts for at most 5 seconds, so that a suspended process loses no training time.
    """
    run = Run(task, recipe, folder, compute)
    print(
        f"{total_parameters(run.network) / 1e6:.2f}M parameters, {compute.dtype}: {compute.reason}",
        flush=True,
    )
    saved, loss = run.seconds, None
    with tqdm(total=round(recipe.minutes * 60), initial=round(run.seconds), unit="s", mininterval=10) as bar:
        while run.seconds < recipe.minutes * 60:
            begun = time.monotonic()
            now = run.advance()
            loss = now if loss is None else 0.98 * loss + 0.02 * now
            took = min(time.monotonic() - begun, 5.0)
            run.seconds += took
            bar.update(round(run.seconds) - bar.n)
            if run.step % 50 == 0:
                bar.set_postfix(step=run.step, loss=f"{loss:.3f}", tok_s=round(run.tokens / run.seconds))
            if run.seconds - saved > recipe.save_minutes * 60:
                saved = run.seconds
                so_far = f"{run.seconds / 60:.1f} min, {run.tokens / 1e6:.2f}M tokens"
                tqdm.write(f"{so_far}: held-out {run.save():.4f} nats a token")
    tqdm.write(f"done: held-out {run.save():.4f} nats a token")
