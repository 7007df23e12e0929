"""One sampling step, ours and the literal one, on the same weights and the same half-decoded sequence."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from remdm.domains.registry import DOMAINS
from remdm.models.accelerated import accelerated
from remdm.models.checkpoints import is_embedded
from remdm.models.dit import DiT, DiTConfig
from remdm.models.llada import LLaDA, LLaDAConfig
from remdm.models.network import Accelerated, Compute, Network, NetworkDenoiser, type_name
from remdm.models.openvino import OpenVINO
from remdm.models.threads import FEW, operations
from remdm.models.transformer import PlainTransformer, Recall, TransformerConfig
from remdm.models.weights import blank
from remdm.sampling.cached import Cached
from remdm.sampling.denoiser import Denoiser, Truncated, Truncation, Widened
from remdm.sampling.noise import Noise
from remdm.sampling.remasking import Cap
from remdm.sampling.sampler import observe
from remdm.sampling.state import State, start
from remdm.sampling.time_grid import Step
from remdm.sampling.transfer import sent
from remdm.sampling.transition import Ancestral, StepRecord, decode, drawn
from remdm.studies.bench.literal import literal_step
from remdm.studies.bench.reference import Reference
from remdm.studies.bench.rows import Row, interleaved, row

NUCLEUS_P = 0.9
ETA = 0.04
STEPS = 64
SPREAD = 4.0
"""Standard deviation of random logits: at V = 50k the nucleus then holds some 270 tokens, as a trained model's may."""
AT_HALF = Step(0, 0.5, 0.5 - 1 / STEPS, 0.5, 0.5 + 1 / STEPS)


@dataclass(frozen=True)
class Case:
    """A geometry: x_theta in the type that this machine is quick in, that of the literal step, and a start `[1, L]`.

    The literal step takes float32 on a CPU, as the reference does there, and the same type as ours on a card.
    """

    geometry: str
    ours: Denoiser
    plain: Denoiser
    start: Tensor
    repeats: int


def random_transformer(shape: TransformerConfig) -> PlainTransformer:
    """Random weights whose logits are spread as a trained model's: none of it copies words of the sequence."""
    network = PlainTransformer(shape)
    nn.init.constant_(network.norm.weight, SPREAD)
    for part in network.modules():
        if isinstance(part, Recall):
            nn.init.zeros_(part.gate.bias)
    return network


def random_llada(shape: LLaDAConfig) -> LLaDA:
    """Random weights in bfloat16, made where they are used: float32 would take twice a card's share of them."""
    network = blank(lambda: LLaDA(shape)).to(torch.bfloat16).to_empty(device=torch.get_default_device())
    for weight in network.parameters():
        if weight.ndim > 1:
            nn.init.normal_(weight, std=0.02)
        else:
            nn.init.ones_(weight)
    nn.init.normal_(network.transformer.ff_out.weight, std=SPREAD * shape.width**-0.5)
    return network


def random_dit(shape: DiTConfig) -> DiT:
    """Random weights; training starts from a network that says nothing, so its silent parts get some too."""
    network = DiT(shape)
    for weight in network.parameters():
        if weight.ndim > 1:
            nn.init.normal_(weight, std=0.02)
    nn.init.normal_(network.output_layer.linear.weight, std=SPREAD * shape.hidden_dim**-0.5)
    return network


GEOMETRIES: dict[str, tuple[int, int, Callable[[], Network], int]] = {
    "owt-1024": (50_258, 1024, lambda: random_dit(DiTConfig(50_258, 1024, 768, 128, 12, 12)), 3),
    "text-256": (4097, 256, lambda: random_transformer(TransformerConfig(4097, 256, 384, 6, 6)), 7),
    "image-256": (1025, 256, lambda: random_dit(DiTConfig(1025, 256, 768, 128, 12, 12)), 5),
    "smiles-32": (41, 32, lambda: random_transformer(TransformerConfig(41, 32, 192, 6, 4)), 15),
}
"""Vocabulary with the mask (the last id), length, network, and how often each step is timed."""
LLADA_8B = LLaDAConfig(4096, 32, 32, 32, 12_288, 126_464, 4096)
ON_A_CARD: dict[str, tuple[int, int, Callable[[], Network], int]] = {
    "llada-128": (126_464, 128, lambda: random_llada(LLADA_8B), 15),
    "llada-512": (126_464, 512, lambda: random_llada(LLADA_8B), 15),
}
"""The same for what no CPU is asked for: 16 GB of weights."""


def random_case(geometry: str, compute: Compute) -> Case:
    size, length, make, repeats = {**GEOMETRIES, **ON_A_CARD}[geometry]
    torch.manual_seed(0)
    with compute.device:
        network = make().eval().requires_grad_(False)
    on_a_card = compute.device.type == "cuda"
    quick = network.to(compute.dtype) if on_a_card else deepcopy(network).to(compute.dtype)
    plain = NetworkDenoiser(network, size - 1)
    ours = NetworkDenoiser(accelerated(quick, compute), size - 1)
    return Case(geometry, ours, plain, torch.full((1, length), size - 1), repeats)


def embedded_cases(compute: Compute) -> Iterator[tuple[str, Callable[[], Case]]]:
    """The embedded models by name, each under its domain's default condition."""
    for domain in DOMAINS.values():
        for model in domain.models:
            if is_embedded(model.name):

                def make(domain=domain, model=model) -> Case:  # noqa: ANN001
                    made = []
                    literal = compute.dtype if compute.device.type == "cuda" else torch.float32
                    for place in (compute, replace(compute, dtype=literal, backend="")):
                        checkpoint = model.load(place)
                        made.append(model.denoiser(checkpoint, domain.ask()))
                    begin = torch.full((1, model.length), checkpoint.mask_id)
                    return Case(model.name, made[0], made[1], begin, 15)

                yield model.name, make


def half_decoded(case: Case) -> State:
    """A state at t = 0.5: every second position, by chance, with a draw of the model's own."""
    state, noise = start(case.start, case.ours.mask_id), Noise((0,))
    rows = state.masked & (noise.uniform(case.start.shape[1]) < 0.5)
    log_x = case.ours(state.tokens, rows, 1.0)
    return decode(state, rows, *drawn(log_x, noise.draw(log_x, rows)))


def measured(case: Case, clock: str, repeats: int | None = None, reference: Reference | None = None) -> Row:
    """The row of a case: our step, the same as the page watches it, the literal step, and the network alone.

    The network alone is everything before the vocabulary, and the vocabulary for the rows that decode. Of a small
    network on a CPU also our step with OpenVINO, if that is installed. With a reference, the authors' step as well, if
    the network is one of theirs.

    Raises:
        ValueError: if the reference does not run the weights.
    """
    state, mask_id = half_decoded(case), case.ours.mask_id
    ancestral, sigma = Ancestral(Cap(ETA)), min(ETA, AT_HALF.sigma_max)
    every = torch.ones_like(state.masked)

    def ours(seed: int, watch: bool = False, x_theta: Denoiser = case.ours) -> StepRecord:
        cache = Cached(x_theta)
        denoiser = Truncated(Widened(cache) if watch else cache, Truncation(NUCLEUS_P))
        record = ancestral(denoiser, state, AT_HALF, Noise((seed,)))
        return observe(record, denoiser) if watch else record

    bare, z = eager(case.ours), sent(state.tokens, network_of(case.ours)[1].device)

    def plain(z: Tensor) -> Tensor:  # a denoiser reads tokens of the host
        return case.plain(state.tokens, every, 0.5).view(*z.shape, -1)

    acts: dict[str, Callable[[], object]] = {}
    if bare is not case.ours:
        acts["eager_ms"] = lambda: ours(seed, x_theta=bare)
    elif z.device.type == "cpu" and find_spec("openvino") and operations(network_of(bare)[0], z) <= FEW:
        compiled = computed(bare, cache(OpenVINO))
        compiled(state.tokens, every, 0.5)  # is compiled now, not while it is timed
        acts["openvino_ms"] = lambda: ours(seed, x_theta=compiled)
    if reference is not None and isinstance(network := network_of(case.plain)[0], DiT):
        authors = reference.step(network, mask_id, AT_HALF, ETA, NUCLEUS_P)
        acts["reference_ms"] = lambda: authors(z)
    record, seed = next((each, seed) for seed in range(1, 100) if (each := ours(seed)).decoded.any())
    with torch.inference_mode():
        step, watched, literal, alone, *others = interleaved(
            (
                lambda: ours(seed),
                lambda: ours(seed, watch=True),
                lambda: literal_step(plain, z, mask_id, AT_HALF, sigma, NUCLEUS_P),
                lambda: case.ours(state.tokens, record.decoded, 0.5),
                *acts.values(),
            ),
            repeats or case.repeats,
            clock,
        )
    assert record.log_x is not None, "the step was chosen to decode something"
    more = dict(zip(acts, others, strict=True))
    if "reference_ms" in more:
        more["reference_ratio"] = more["reference_ms"] / step
    if "openvino_ms" in more:
        more["openvino_ratio"] = literal / more["openvino_ms"]
    nucleus = (record.log_x > -torch.inf).sum(1).double().mean()
    return row(
        "step", case.geometry, step, literal, dtype=number_type(case.ours), network_ms=alone,
        not_network=max(0.0, 1 - alone / step), watched_ms=watched, decoded=int(record.decoded.sum()),
        nucleus=round(float(nucleus), 1), clock=clock, threads=torch.get_num_threads(),
        **more,
    )  # fmt: skip


def network_of(denoiser: Denoiser) -> tuple[Network, Tensor]:
    """The network within, and one of its weights."""
    while not isinstance(denoiser, NetworkDenoiser):
        denoiser = denoiser.denoiser  # type: ignore[attr-defined]
    return denoiser.network, next(denoiser.network.parameters())


def eager(denoiser: Denoiser) -> Denoiser:
    """The same computed by torch's operators one by one; itself where it is."""
    return computed(denoiser, lambda network: network.network if isinstance(network, Accelerated) else network)


def computed(denoiser: Denoiser, means: Callable[[Network], Network]) -> Denoiser:
    """The same with the networks within computed by other means; itself where these change nothing."""
    if isinstance(denoiser, NetworkDenoiser):
        network = means(denoiser.network)
        return denoiser if network is denoiser.network else replace(denoiser, network=network)
    within = {name: getattr(denoiser, name) for name in ("denoiser", "unconditional") if hasattr(denoiser, name)}
    changed = {name: computed(each, means) for name, each in within.items()}
    return denoiser if changed == within else replace(denoiser, **changed)  # type: ignore[type-var]


def number_type(denoiser: Denoiser) -> str:
    """The type of the network within, and by what means it is computed if they round otherwise."""
    network, weight = network_of(denoiser)
    return type_name(weight.dtype, network)
