"""The authors' own step, read from a clone of their public code that the user made: what ours is timed against.

Their network class and their update function run as they stand in the clone; nothing of them is kept here. Of what they
import, flash-attn is replaced by PyTorch's attention, and packages that only training needs by empty modules.
"""

import ast
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from remdm.models.dit import DiT
from remdm.sampling.time_grid import Step

CLONE = "name a clone of https://github.com/kuleshov-group/remdm"
NETWORK, SCHEDULE, UPDATE = "models/dit.py", "noise_schedule.py", "diffusion.py"
SAMPLER = "remdm-cap"
METHODS = ("forward", "_process_sigma", "_subs_parameterization", "_ddpm_caching_update")
"""What a cached step calls in their class of 1,100 lines, the rest of which is training."""
NEVER = -1e6
"""Their log-probability of what cannot be."""
ALIKE = {torch.float32: 1e-4, torch.bfloat16: 0.05}
"""How far their logits may lie from ours, as a share of these, by the number type of ours."""

WORDS = 160
"""Characters of an error that are repeated."""


def turned(qkv: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Queries and keys of `[B, L, 3, heads, d]` rotated in place by tables `[L, d/2]`: flash-attn's rotary function."""
    first, second = qkv[:, :, :2].chunk(2, dim=-1)
    cos, sin = cos[:, None, None], sin[:, None, None]
    qkv[:, :, :2] = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
    return qkv


def attended(qkv: Tensor, _starts: Tensor, length: int, _dropout: float = 0.0, causal: bool = False) -> Tensor:
    """Attention in `[B x L, 3, heads, d]`, sequences of one length, to `[B x L, heads, d]`, as flash-attn has it."""
    q, k, v = qkv.unflatten(0, (-1, length)).permute(2, 0, 3, 1, 4).unbind(0)
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).flatten(0, 1)


PATTERNS: dict[str, Callable[..., Tensor]] = {
    "b s (three h d) -> b s three h d": lambda x, three, h: x.unflatten(-1, (three, h, -1)),
    "b s ... -> (b s) ...": lambda x: x.flatten(0, 1),
    "(b s) h d -> b s (h d)": lambda x, b: x.unflatten(0, (b, -1)).flatten(-2),
}
"""What the network asks of einops."""


def stand_ins() -> dict[str, ModuleType]:
    """Modules by name for what `models/dit.py` imports besides PyTorch."""

    def module(name: str, **parts: Any) -> ModuleType:
        made = ModuleType(name)
        vars(made).update(parts)
        return made

    rotary = module("flash_attn.layers.rotary", apply_rotary_emb_qkv_=turned)
    layers = module("flash_attn.layers", rotary=rotary)
    interface = module("flash_attn.flash_attn_interface", flash_attn_varlen_qkvpacked_func=attended)
    made = (
        module("flash_attn", layers=layers, flash_attn_interface=interface), layers, rotary, interface,
        module("einops", rearrange=lambda x, pattern, **sizes: PATTERNS[pattern](x, **sizes)),
        module("huggingface_hub", PyTorchModelHubMixin=type("PyTorchModelHubMixin", (), {})), module("omegaconf"),
    )  # fmt: skip
    return {each.__name__: each for each in made}


@contextmanager
def replaced(modules: dict[str, ModuleType]) -> Iterator[None]:
    """`sys.modules` with these in it; afterwards those that were there before."""
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@contextmanager
def quiet() -> Iterator[None]:
    """Without warnings: on a CPU their autocast for CUDA says at each block that there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def update_alone(tree: ast.Module) -> ast.Module:
    """Of `diffusion.py` the class with the methods of a step and the draw: its imports are those of training.

    Raises:
        KeyError: if one of them is missing, or the update has another name for our sampler.
    """
    named = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef | ast.ClassDef)}
    draw, whole = named["_sample_categorical"], named["Diffusion"]
    methods = {each.name: each for each in whole.body if isinstance(each, ast.FunctionDef)}
    whole.body = [methods[name] for name in METHODS]
    if not any(isinstance(each, ast.Constant) and each.value == SAMPLER for each in ast.walk(whole)):
        raise KeyError(SAMPLER)
    assert isinstance(whole, ast.ClassDef)
    whole.bases, whole.keywords, whole.decorator_list = [], [], []
    return ast.Module([draw, whole], [])


class Reference:
    """The authors' classes, out of the files of a clone, whose code is run.

    Args:
        folder: the clone.

    Raises:
        ValueError: if it is not one, or has what is needed in another form.
    """

    def __init__(self, folder: Path) -> None:
        for name in (NETWORK, SCHEDULE, UPDATE):
            if not (folder / name).is_file():
                raise ValueError(f"reference {folder} has no {name}: {CLONE}")
        self.folder = folder
        self.network: Any = self._read(NETWORK, "DIT")
        self.schedule: Any = self._read(SCHEDULE, "LogLinearNoise")
        self.diffusion: Any = self._read(UPDATE, "Diffusion")

    def _read(self, name: str, wanted: str) -> Any:
        """A class of a file.

        It is not imported: that would leave compiled files in the clone. Their files set PyTorch's flags for scripted
        functions, which stay as they are set: their step is to run as they had it, and we script nothing.
        """
        path = self.folder / name
        scope: dict[str, Any] = {"__name__": f"reference.{path.stem}", "torch": torch}
        try:
            with quiet(), replaced(stand_ins()):
                tree = ast.parse(path.read_text(encoding="utf-8"))
                exec(compile(update_alone(tree) if name == UPDATE else tree, str(path), "exec"), scope)
            return scope[wanted]
        except Exception as error:  # whatever another version of their code brings
            what = "it has no" if isinstance(error, KeyError) else f"{type(error).__name__}:"
            why = shorten(f"{what} {error}", WORDS)
            raise ValueError(f"{name} of reference {self.folder} cannot be used ({why}): {CLONE}") from error

    def step(self, network: DiT, mask_id: int, at: Step, eta: float, nucleus_p: float) -> Callable[[Tensor], Tensor]:
        """Their step with ReMDM-cap, nothing cached, on our weights: z_t `[B, L]` to z_s.

        In float32, in which they keep the weights; on a card their code computes in bfloat16 by itself.

        Raises:
            ValueError: if their network does not take these weights, or says something else with them.
        """
        shape, sample = network.config, SimpleNamespace(sampler=SAMPLER, nucleus_p=nucleus_p, eta=eta)
        model = SimpleNamespace(
            hidden_size=shape.hidden_dim, cond_dim=shape.cond_dim, n_blocks=shape.n_blocks, n_heads=shape.n_heads,
            length=shape.length, dropout=0.0, scale_by_sigma=True,
        )  # fmt: skip
        config = SimpleNamespace(model=model, sampling=sample, noise=SimpleNamespace(type="loglinear"))
        authors = object.__new__(self.diffusion)
        try:
            with torch.device("meta"):  # no memory for weights that are replaced
                backbone = self.network(config, vocab_size=shape.vocab_size)
            weights = {name: each.float() for name, each in network.state_dict().items()}
            backbone.load_state_dict(weights, assign=True)
            vars(authors).update(
                config=config, backbone=backbone.eval(), noise=self.schedule(), mask_index=mask_id, neg_infinity=NEVER,
                parameterization="subs", time_conditioning=shape.time_conditioning,
            )  # fmt: skip
            device = weights["vocab_embed.embedding"].device
            tokens, t = torch.arange(min(8, mask_id), device=device)[None], torch.full((1, 1), at.t, device=device)
            with quiet(), torch.inference_mode():
                theirs, ours = backbone(tokens, authors._process_sigma(authors.noise(t)[0])), network(tokens, at.t)
        except Exception as error:
            why = shorten(str(error), WORDS)
            raise ValueError(f"reference {self.folder} does not run our weights ({why}): {CLONE}") from error
        if not (apart := float((theirs - ours).norm() / ours.norm())) < ALIKE[ours.dtype]:
            raise ValueError(f"reference {self.folder} has another network, logits differ by {apart:.1%}: {CLONE}")

        def step(z: Tensor) -> Tensor:
            with quiet():
                return authors._ddpm_caching_update(z, t.expand(len(z), 1), at.t - at.s)[1]

        return step
