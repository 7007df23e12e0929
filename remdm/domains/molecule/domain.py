"""Molecules: SMILES strings learned from QM9, guided towards many rings or high drug-likeness."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from remdm.domains.molecule import novelty
from remdm.domains.molecule.charts import histograms
from remdm.domains.molecule.chemistry import atoms, issues_in, value
from remdm.domains.molecule.drawing import Drawing, draw
from remdm.domains.molecule.pieces import body, pieces
from remdm.domains.molecule.properties import Measured, measure
from remdm.domains.molecule.vocabulary import LABELS, LENGTH, SYMBOLS, VOCABULARY, is_atom, split
from remdm.models.checkpoints import ROOT, Checkpoint, load_embedded, recommended
from remdm.models.noised import load_classifier
from remdm.runs.domain import Domain, Figures, Model
from remdm.runs.tokens import Issue, TokenView
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.guidance import ClassifierGuided, Guided, Prefixed, Without
from remdm.sampling.knobs import check, knob

FOLDER = ROOT / "qm9"
_LOOP = {"rule": "rescale", "eta": 0.9, "weighting": "conf", "plan": "loop-times", "t_on": 0.25, "t_off": 0.125}
_UNGUIDED = {"eta": 0.1, "nucleus_p": 0.8}
PRESETS: dict[str, dict[str, Any]] = {
    "mdlm": {},
    "remdm-cap": {},
    "remdm-rescale": {"eta": 0.1},
    "remdm-conf": {"eta": 0.9},
    "remdm-conf-mean": {"eta": 0.9},
    "remdm-switch": {"rule": "rescale", "eta": 0.1, "weighting": "conf", "t_switch": 0.1},
    "remdm-loop": _LOOP,
    "fb": {},
    "dfm": {},
}
"""Settings for QM9 by sampler, all without a nucleus. The paper's best (section 5.2, D.3) are `remdm-loop` for rings
with D-CFG, and `remdm-switch` for QED with D-CFG; its values for D-CBG are in BEST."""
BEST: dict[str, tuple[str, dict[str, Any]]] = {
    "Unguided: rescale 0.1, nucleus 0.8": ("remdm-rescale", _UNGUIDED),
    "Unguided, most valid: ReMDM-LLaDA by entropy": ("remdm-llada", {"order": "entropy"}),
    "Rings, D-CFG: rescale 0.9, conf, loop": ("remdm-loop", _LOOP),
    "QED, D-CFG: rescale 0.1, conf, late": ("remdm-switch", PRESETS["remdm-switch"]),
    "Rings, D-CBG: rescale 0.9, conf": ("remdm-conf", PRESETS["remdm-conf"]),
    "QED, D-CBG: rescale 1, conf, from t 0.5": (
        "remdm-switch",
        {**PRESETS["remdm-switch"], "eta": 1.0, "t_switch": 0.5},
    ),
}
"""What the paper found best in each of its four experiments, and first, which it leaves open, what suits our model: as
many novel molecules as valid ones allow, or most valid ones."""
PROPERTIES = ("none", "rings", "qed")
GUIDANCE = ("D-CFG", "D-CBG")
_GOES_ON = ("...", "…")


@dataclass(frozen=True)
class Asked:
    """What a molecule should be like."""

    property: str = knob(
        "none", choices=PROPERTIES, label="Property",
        help="Guide towards QM9's upper tenth: four rings or more, or QED above 0.55.",
    )  # fmt: skip
    guidance: str = knob(
        "D-CFG", choices=GUIDANCE, label="Guidance",
        help="By the labels that the model knows (D-CFG), or by a classifier of noised molecules (D-CBG, slow).",
    )  # fmt: skip
    guidance_scale: float = knob(
        1.0, 0, 10, step=0.5, symbol="γ", help="0 ignores the property, 1 is the plain condition, more exaggerates it."
    )

    def __post_init__(self) -> None:
        check(self)


def labelled(checkpoint: Checkpoint, **high: str) -> Denoiser:
    """x_theta of the model with the labels of these properties set to `high`, all others saying nothing."""
    vocab = checkpoint.tokenizer.get_vocab()
    labels = tuple(vocab[f"<{name}:{high.get(name, 'any')}>"] for name in PROPERTIES[1:])
    return Without(Prefixed(checkpoint.denoiser, labels), tuple(vocab[label] for label in LABELS))


def denoiser(checkpoint: Checkpoint, asked: Asked) -> Denoiser:
    """x_theta under what was asked; for D-CBG with the classifier that tilts the posterior."""
    free = labelled(checkpoint)
    if asked.property == "none":
        return free
    if asked.guidance == "D-CFG":
        return Guided(labelled(checkpoint, **{asked.property: "high"}), free, asked.guidance_scale)
    classifier = load_classifier(FOLDER, checkpoint.compute.device)
    return ClassifierGuided(free, classifier.likelihood(asked.property), asked.guidance_scale)


def start(prompt: str, length: int, checkpoint: Checkpoint) -> Tensor:
    """Start ids `[length]` for a fragment: its tokens are given, `_` and what follows it are masks.

    Raises:
        ValueError: for what is not a SMILES fragment, unknown tokens, or more tokens than there are positions.
    """
    prompt = "".join(prompt.split())
    goes_on = prompt.endswith(_GOES_ON) or "_" not in prompt
    for ending in _GOES_ON:
        prompt = prompt.removesuffix(ending)
    vocab, tokens = checkpoint.tokenizer.get_vocab(), split(prompt)
    if not tokens:
        return torch.full((length,), checkpoint.mask_id)
    _refuse(tokens)
    room = length - 1 - (not goes_on)
    if len(tokens) > room:
        raise ValueError(f"The fragment has {len(tokens)} tokens, but there is room for {room}; shorten it.")
    words = ["<bos>", *("<mask>" if token == "_" else token for token in tokens)]
    words += [] if goes_on else ["<eos>"]
    words += ["<mask>" if goes_on else "<pad>"] * (length - len(words))
    return torch.tensor([vocab[word] for word in words])


def _refuse(tokens: Sequence[str]) -> None:
    """Refuse tokens that QM9 does not have, and fragments that no molecule can begin with."""
    for token in tokens:
        if token != "_" and token not in SYMBOLS:
            raise ValueError(
                f"“{token[:20]}” is not a SMILES token that the model knows; it knows C N O F c n o, bonds = # -, "
                "rings 1-5, branches ( ) and atoms such as [nH] and [NH3+]."
            )
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token == "(") - (token == ")")
        if depth < 0 and "_" not in tokens[:place]:
            raise ValueError(
                f"No molecule begins with {''.join(tokens[: place + 1])}: a branch closes before it opens."
            )
    if tokens[0] != "_" and not is_atom(tokens[0]):
        raise ValueError(f"A SMILES begins with an atom, not with {tokens[0]}; put _ first to leave it open.")


def piece(token: int, checkpoint: Checkpoint) -> str:
    """A token as printed; nothing stands between SMILES tokens."""
    return str(checkpoint.tokenizer.id_to_token(token))


def text(ids: Sequence[int], checkpoint: Checkpoint) -> str:
    """The bare SMILES: everything but special tokens, as the paper's evaluation reads it."""
    return smiles(ids)


def smiles(ids: Sequence[int]) -> str:
    return "".join(body(ids)[1])


def issues(view: TokenView) -> tuple[Issue, ...]:
    """Why a finished string is not a molecule: what RDKit's parser and its checks blame. Nothing while masks remain."""
    if view.masked:
        return ()
    positions, tokens = body(view.ids)
    return tuple(
        replace(issue, positions=tuple(positions[place] for place in issue.positions))
        for issue in issues_in(tuple(tokens))
    )


def scene(view: TokenView) -> dict[str, Any]:
    """The drawing next to the tokens: the molecule once it is whole, before that the pieces that can be drawn.

    Of a string that cannot be drawn, the pieces are shown and marked as such. A molecule has its rings and QED. `atoms`
    has each drawn atom's position in the sequence and its place in the drawing; `near` has for the other tokens which
    atom they belong to.
    """
    if view.masked:
        return _pieces_of(view)
    positions, tokens = body(view.ids)
    found = issues(view)
    drawing = draw("".join(tokens))
    shown = _drawn(positions, tokens, drawing) if drawing else {**_pieces_of(view), "piece": True}
    blamed = [place for issue in found for place in issue.positions]
    whole = {"state": "wrong" if found else "whole", "smiles": "".join(tokens), "blamed": blamed}
    return {**shown, **whole, **({} if found else _facts("".join(tokens)))}


def _facts(smiles: str) -> dict[str, Any]:
    qed = value("qed", smiles)
    return {"rings": value("rings", smiles), **({} if qed is None else {"qed": round(qed, 3)})}


def _drawn(positions: Sequence[int], tokens: Sequence[str], drawing: Drawing) -> dict[str, Any]:
    where = atoms(tokens)
    near = {positions[place]: max(0, sum(at <= place for at in where) - 1) for place in range(len(tokens))}
    spots = [[positions[at], x, y] for at, (x, y) in zip(where, drawing.atoms, strict=True)]
    return {"svg": drawing.svg, "atoms": spots, "near": near}


def _pieces_of(view: TokenView) -> dict[str, Any]:
    """What can be drawn of an unfinished string, its pieces side by side."""
    found = pieces(view.ids)
    if not found:
        return {"state": "open", "masked": view.masked}
    positions = [place for places, _ in found for place in places]
    tokens = [token for _, each in found for token in each]
    joined = ".".join("".join(each) for _, each in found)
    drawing = draw(joined, open_ended=True)
    shown = _drawn(positions, tokens, drawing) if drawing else {}
    return {"state": "open", "masked": view.masked, "smiles": joined, **shown}


def tile(view: TokenView) -> str:
    """A molecule as a small drawing; unfinished or wrong, its tokens as cells, hatched where masked."""
    found = issues(view)
    drawing = None if view.masked or found else draw(smiles(view.ids))
    if drawing:
        return f'<span class="mol-tile" data-state="whole">{drawing.svg}</span>'
    words = view.named(VOCABULARY)
    last = max((place for place, word in enumerate(words) if word not in ("<pad>", "<eos>")), default=0)
    blamed = {place for issue in found for place in issue.positions}
    cells = "".join(_cell(word, place in blamed) for place, word in enumerate(words[: last + 1]) if word != "<bos>")
    state = "wrong" if found else "open"
    return f'<span class="mol-tile" data-state="{state}"><span class="mol-cells">{cells}</span></span>'


def _cell(word: str | None, blamed: bool) -> str:
    if word is None:
        return "<i></i>"
    mark = ' data-blamed=""' if blamed else ""
    return f"<b{mark}>{word if word in SYMBOLS else '·'}</b>"


def numbers(samples: Sequence[TokenView]) -> Sequence[tuple[str, str, str]]:
    """Valid, unique and novel molecules, and the mean properties of the novel ones."""
    found = measured(_whole(samples))

    def mean(name: str, digits: int) -> str:
        value = found.mean(name)
        return "–" if value is None else f"{value:.{digits}f}"

    return (
        ("valid", f"{len(found.valid)} of {found.total}", "Strings that RDKit reads as a molecule."),
        ("unique", f"{len(found.unique)} of {len(found.valid)}", "Different molecules among the valid ones."),
        ("novel", f"{len(found.novel)} of {len(found.unique)}", "Those that QM9 does not have."),
        ("rings, novel", mean("rings", 2), "Mean number of rings of the novel molecules; QM9's is 1.76."),
        ("QED, novel", mean("qed", 3), "Mean drug-likeness of the novel molecules; QM9's is 0.466."),
        ("SA score, novel", mean("sa", 2), "How hard to make, 1 (easy) to 10, by Ertl and Schuffenhauer."),
    )


def charts(samples: Sequence[TokenView]) -> Figures:
    return histograms(measured(_whole(samples)), novelty.load(FOLDER))


def _whole(samples: Sequence[TokenView]) -> list[tuple[int, ...]]:
    return [view.ids for view in samples if not view.masked]


def measured(rows: Iterable[Sequence[int]]) -> Measured:
    """How good the molecules of these ids are."""
    return measure([smiles(ids) for ids in rows], novelty.load(FOLDER))


QM9 = Model(
    "qm9",
    "QM9, labels for rings and QED",
    "Molecules of up to nine heavy atoms (C, N, O, F) as SMILES, learned from QM9. RDKit checks each of them, and "
    "marks what it blames. Most that come out are in QM9 already; novel ones are counted.",
    partial(load_embedded, "qm9"),
    start,
    piece,
    text,
    issues,
    length=LENGTH,
    defaults={"sampler": "remdm-rescale", "steps": 128, **_UNGUIDED},
    recommended=recommended("qm9"),
    examples=("c1ccc(_)cc1...", "O=C1CC_CN1", "C1CC2_C1_2...", "N#C..."),
    denoiser=denoiser,
    scene=scene,
    tile=tile,
    numbers=numbers,
    charts=charts,
    prompt_help="A SMILES fragment: its tokens stay as given. _ is one blank, a digit behind it a ring's; a final ... "
    "lets the molecule go on.",
    placeholder="Empty: any molecule",
)

DOMAIN = Domain("molecule", "Molecules", (QM9,), Asked, most_samples=64, together=True, layout=f"rows:{LENGTH}")
