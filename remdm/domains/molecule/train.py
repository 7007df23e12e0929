"""`remdm train molecule`: the QM9 model with its labels, and the classifier of noised molecules."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from remdm.domains.molecule import novelty, qm9
from remdm.domains.molecule.vocabulary import LENGTH, PROPERTIES, smiles_tokenizer
from remdm.models.network import compute
from remdm.models.noised import NoisedClassifier, save_classifier
from remdm.models.transformer import TransformerConfig
from remdm.sampling.nelbo import corrupt, stratified_times
from remdm.training.batches import Data, leading
from remdm.training.loop import Recipe, Task, Trainer, train, warm_started
from remdm.training.timed import Timed

LABELLED = {(): 0.45, ("rings",): 0.2, ("qed",): 0.2, ("rings", "qed"): 0.15}
"""Which properties are labelled, and in what share of the training molecules; () trains the unconditional model."""
HIGH_SHARE = 0.5
"""Share of high ones among molecules with one label: p(x | y) stays as it is, and a tenth of QM9 is enough."""
CONDITION = len(PROPERTIES)
"""Label tokens before the sequence."""
HELDOUT = 512
"""Held-out molecules for the bound."""


class LabelledBatches:
    """Labels, then a molecule; batch `index` is the same on every machine. The molecules stay on the device."""

    def __init__(self, data: qm9.QM9, device: torch.device) -> None:
        vocab = smiles_tokenizer().get_vocab()
        self.tokens = torch.from_numpy(data.trained.astype(np.int32)).to(device)
        self.high = np.stack([data.high(name)[data.heldout :] for name in PROPERTIES], axis=1)
        self.pools = [[np.flatnonzero(high == value) for value in (False, True)] for high in self.high.T]
        self.labels = np.array(
            [[vocab[f"<{name}:{value}>"] for value in ("low", "high", "any")] for name in PROPERTIES]
        )

    def __call__(self, index: int, size: int) -> Tensor:
        """Labels and clean tokens, int64 `[size, 2 + 32]`.

        A molecule with one label is drawn among those that have it, so that p(x | label) is QM9's; any other among all.
        """
        rng = np.random.default_rng((7, index))
        kinds = rng.choice(len(LABELLED), size=size, p=list(LABELLED.values()))
        shown = np.array([[name in kind for name in PROPERTIES] for kind in LABELLED])[kinds]
        place, wanted = rng.integers(len(self.high), size=size), rng.random(size) < HIGH_SHARE
        for column in range(len(PROPERTIES)):
            single = shown[:, column] & (shown.sum(1) == 1)
            for value in (False, True):
                rows = np.flatnonzero(single & (wanted == value))
                place[rows] = rng.choice(self.pools[column][value], size=len(rows))
        labels = self.labels[np.arange(len(PROPERTIES)), np.where(shown, self.high[place], 2)]
        drawn = torch.from_numpy(np.concatenate((place[:, None], labels), axis=1)).to(self.tokens.device)
        return torch.cat((drawn[:, 1:], self.tokens[drawn[:, 0]]), dim=1)


def unlabelled(tokens: np.ndarray) -> Tensor:
    """Sequences behind labels `any`, int64 `[n, 2 + 32]`."""
    vocab = smiles_tokenizer().get_vocab()
    labels = torch.tensor([vocab[f"<{name}:any>"] for name in PROPERTIES])
    ids = torch.from_numpy(tokens.astype(np.int64))
    return torch.cat((labels.expand(len(ids), -1), ids), dim=1)


def train_qm9(folder: Path, recipe: Recipe) -> None:
    """Download and prepare the data, train the molecule model and export it to `folder` at every save."""
    data = qm9.prepare(recipe.data or folder / "training" / "data")
    novelty.save(folder, data)
    tokenizer = smiles_tokenizer()
    shape = TransformerConfig(
        tokenizer.get_vocab_size(), CONDITION + LENGTH, width=256, depth=8, heads=8, recall_heads=1, absolute=True
    )
    network = warm_started(folder, shape, recipe.seed)
    batches = LabelledBatches(data, compute(recipe.device).device)
    labelled = Data(batches, unlabelled(data.tokens[: data.heldout])[:HELDOUT], leading(CONDITION))
    train(Task(network, labelled, tokenizer), recipe, folder)


class Examples:
    """Clean molecules `[N, 32]` and whether each property is high, float32 `[N, P]`, on the device."""

    def __init__(self, data: qm9.QM9, chosen: slice, device: torch.device) -> None:
        self.tokens = torch.from_numpy(data.tokens[chosen].astype(np.int64)).to(device)
        self.high = torch.stack([torch.from_numpy(data.high(name)[chosen]).float() for name in PROPERTIES], 1).to(
            device
        )

    def noised(self, places: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """z_t `[n, 32]` at times stratified over (0, 1], and whether each property is high, float32 `[n, P]`."""
        x = self.tokens[places]
        return corrupt(x, 1.0 - stratified_times(len(x), generator), 0, generator), self.high[places]


def classifier_scores(network: NoisedClassifier, examples: Examples) -> dict[str, float]:
    """Cross-entropy of each property in nats on noised molecules, and that of predicting its frequency alone."""
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        z, high = examples.noised(torch.arange(len(examples.tokens)), generator)
        logits = torch.cat([network(part) for part in z.split(512)])
    shares = high.mean(0)
    bare = -(shares * shares.log() + (1 - shares) * (1 - shares).log())
    losses = F.binary_cross_entropy_with_logits(logits, high, reduction="none").mean(0)
    return {
        **{f"{name}_nats": round(losses[place].item(), 4) for place, name in enumerate(PROPERTIES)},
        **{f"{name}_bare_nats": round(bare[place].item(), 4) for place, name in enumerate(PROPERTIES)},
    }


def train_classifier(folder: Path, recipe: Recipe) -> None:
    """Train the classifier of noised molecules from scratch, a few minutes, and write it to the model's folder."""
    folder = folder.parent / "qm9"  # it belongs to that model, and shares its data and tokenizer
    data = qm9.prepare(recipe.data or folder / "training" / "data")
    timed = Timed("classifier", 60 * recipe.minutes, compute(recipe.device), falling=0.7)
    device = timed.compute.device
    generator = torch.Generator(device).manual_seed(recipe.seed)
    torch.manual_seed(recipe.seed)
    shape = TransformerConfig(smiles_tokenizer().get_vocab_size(), LENGTH, width=64, depth=2, heads=4, recall_heads=1)
    network = NoisedClassifier(shape, tuple(PROPERTIES)).to(device)
    examples = Examples(data, slice(data.heldout, None), device)
    optimiser = timed.optimiser(network, recipe.other_rate, (0.9, 0.98), weight_decay=0.01)
    while timed.done < 1:
        places = torch.randint(len(examples.tokens), (recipe.batch,), generator=generator, device=device)
        z, high = examples.noised(places, generator)
        loss = F.binary_cross_entropy_with_logits(network(z), high)
        timed.apply(optimiser, loss)
        timed.report({"loss": loss.detach()})
    scores = classifier_scores(network, Examples(data, slice(data.heldout), device))
    about = {"minutes": recipe.minutes, "batch": recipe.batch, "step": timed.step, "seed": recipe.seed, **scores}
    save_classifier(folder, network.eval(), about)
    print(about)


TRAINERS: dict[str, Trainer] = {"qm9": train_qm9, "qm9-classifier": train_classifier}
"""The embedded molecule models by name."""
