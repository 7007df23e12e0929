"""What goes between a page and the replicas of its models: requests one way, steps of the trace the other, as JSON.

Log-probabilities never travel. Floating-point numbers keep every bit: JSON has them as Python prints them, arrays are
base64. Both sides check what they read.
"""

import base64
from collections.abc import Mapping
from dataclasses import asdict
from math import prod
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import torch
from torch import Tensor

from remdm.models.checkpoints import ensure_known
from remdm.models.network import Compute
from remdm.runs.domain import Domain, Model
from remdm.runs.position import Position
from remdm.runs.record import Batch, PreparedRun, Row, TimedFrame
from remdm.runs.request import RunRequest
from remdm.runs.tokens import Issue
from remdm.runs.trace_file import MAX_ID, MAX_LENGTH, frame_json, frame_of
from remdm.runs.untrusted import entries, number, refuse, text, whole
from remdm.sampling.knobs import one_of
from remdm.sampling.methods import settings
from remdm.sampling.state import State

VERSION = 1
MOST_RUNS = 64
"""Of a batch."""
MOST_SECONDS = 1e6
"""Of a step."""
MOST_DEVICES = 64
"""Of a replica."""
NUMBER_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def batch_json(batch: Batch) -> dict[str, Any]:
    """A batch as it goes out."""
    request, checkpoint = batch.runs[0].request, batch.runs[0].checkpoint
    return {
        "version": VERSION, "compute": compute_json(checkpoint.compute),
        "domain": request.domain.name, "model": request.model.name,
        "sampler": request.settings.sampler, "steps": request.settings.steps, "settings": request.settings.flat(),
        "device": request.device, "asked": asdict(request.asked),
        "watch": request.watch, "coupled": request.coupled, "drafts": request.drafts,
        "runs": [
            {"prompt": each.request.prompt, "start": each.start, "seed": each.request.seed, "index": each.request.index}
            for each in batch.runs
        ],
        "at": position_json(batch.at),
    }  # fmt: skip


def model_id(content: Mapping[str, Any]) -> str:
    """The model of a batch and where it is asked for, as one word that a header can carry: see `model_of`."""
    return quote("|".join(str(content.get(name)) for name in ("domain", "model", "device")), safe="|/")


def model_of(word: str, domains: Mapping[str, Domain]) -> tuple[Model, str]:
    """The model that a `model_id` names, and the device that is asked for.

    Raises:
        ValueError: for an unknown name.
    """
    domain, _, rest = unquote(word).partition("|")
    model, _, device = rest.rpartition("|")
    one_of("domain", domain, domains)
    return domains[domain].model(model), device


def requests_of(content: Any, domains: Mapping[str, Domain]) -> tuple[RunRequest, ...]:
    """The runs that a batch asks for, each with its start.

    Raises:
        ValueError: for what is not a batch of this version, and for unknown names and invalid settings.
    """
    if not isinstance(content, dict) or content.get("version") != VERSION:
        refuse(f"The engine reads requests of version {VERSION}: page and replicas must be of the same release.")
    try:
        one_of("domain", content["domain"], domains)
        domain = domains[content["domain"]]
        model, asked = domain.model(content["model"]), domain.ask(**content["asked"])
        chosen = settings(content["sampler"], content["steps"], **content["settings"])
        more = {name: content[name] is True for name in ("watch", "coupled", "drafts")}
        runs = entries(content["runs"], "runs", MOST_RUNS) or refuse("runs must hold a run.")
        starts = [
            tuple(whole(each, 0, MAX_ID, "a token") for each in entries(run["start"], "start", MAX_LENGTH))
            for run in runs
        ]
        if len(set(map(len, starts))) > 1:
            refuse("The runs of a batch must be of one length.")
        return tuple(
            RunRequest(domain, model, run["prompt"], len(start), chosen, run["seed"],
                       whole(run["index"], 0, 1 << 31, "index"), content["device"], asked, start, **more)
            for run, start in zip(runs, starts, strict=True)
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"The request lacks a field or has one of the wrong kind: {error}") from error


def batch_of(content: Any, runs: tuple[PreparedRun, ...]) -> Batch:
    """The batch of a request whose runs have been prepared, taken up where it says.

    Raises:
        ValueError: for a place where they cannot stand, and for tokens that the model does not have.
    """
    return Batch(runs, position_of(content.get("at"), runs))


def row_json(row: Row) -> list[dict[str, Any] | None]:
    """What a step did to each run of a batch."""
    return [None if each is None else _timed_json(each) for each in row]


def row_of(content: Any, runs: tuple[PreparedRun, ...]) -> Row:
    """The same as it comes back.

    Raises:
        ValueError: for what no replica of this release sends.
    """
    try:
        return [each and _timed_of(each, len(run.start)) for each, run in zip(content, runs, strict=True)]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"The engine sent a step that cannot be read: {error}") from error


def _timed_json(timed: TimedFrame) -> dict[str, Any]:
    found = [[list(each.positions), each.kind, each.message] for each in timed.issues]
    return {"frame": frame_json(timed.frame), "issues": found, "seconds": timed.seconds}


def _timed_of(content: Mapping[str, Any], length: int) -> TimedFrame:
    issues = tuple(
        Issue(tuple(whole(each, 0, length - 1, "a position") for each in positions), text(kind, "a kind", 100),
              text(message, "a message", 1000))
        for positions, kind, message in entries(content["issues"], "issues", 10 * length)
    )  # fmt: skip
    return TimedFrame(
        frame_of(content["frame"], length), issues, number(content["seconds"], "seconds", 0, MOST_SECONDS)
    )


def compute_json(compute: Compute) -> dict[str, Any]:
    """A device and a number type."""
    dtype = str(compute.dtype).removeprefix("torch.")
    return {
        "device": compute.device.type, "dtype": dtype, "reason": compute.reason, "card": compute.card,
        "devices": compute.devices, "backend": compute.backend,
    }  # fmt: skip


def compute_of(content: Any) -> Compute:
    """The same from JSON; the device need not be there.

    Raises:
        ValueError: for anything else.
    """
    try:
        one_of("dtype", content["dtype"], NUMBER_TYPES)
        device, dtype = torch.device(content["device"]), NUMBER_TYPES[content["dtype"]]
        reason, card = text(content["reason"], "reason", 1000), text(content["card"], "card", 200)
        devices = whole(content["devices"], 1, MOST_DEVICES, "devices")
        backend = text(content["backend"], "backend", 40)
        return Compute(device, dtype, reason, card, devices, backend)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"compute must be a device and a number type: {error}") from error


def position_json(at: Position | None) -> dict[str, Any] | None:
    """Where runs stand; None where they cannot be taken up."""
    if at is None:
        return None
    state = at.state
    return {
        "tokens": _packed(state.tokens.numpy()), "psi": _packed(state.psi.numpy()),
        "given": _packed(state.given.numpy()), "first": at.first,
        "stand": [[_packed(here.numpy()), None if card is None else _packed(card.numpy())] for here, card in at.stand],
        "forwards": list(at.forwards), "drafts": [None if each is None else _packed(each) for each in at.drafts],
    }  # fmt: skip


def position_of(content: Any, runs: tuple[PreparedRun, ...]) -> Position | None:
    """Where runs stood, from JSON.

    Raises:
        ValueError: for anything else.
    """
    if content is None:
        return None
    size = (len(runs), len(runs[0].start))
    try:
        stand = tuple(
            (_tensor(here, np.uint8), None if card is None else _tensor(card, np.uint8))
            for here, card in entries(content["stand"], "stand", MOST_RUNS)
        )
        forwards = tuple(whole(each, 0, 1 << 40, "forwards") for each in content["forwards"])
        drafts = tuple(None if each is None else _unpacked(each, np.int64, size[1:]) for each in content["drafts"])
        tokens, psi = _tensor(content["tokens"], np.int64, size), _tensor(content["psi"], np.float64, size)
        given, mask_id = _tensor(content["given"], np.bool_, size), runs[0].checkpoint.mask_id
        first = whole(content["first"], 0, 1 << 20, "first")
    except (KeyError, TypeError) as error:
        raise ValueError(f"at must say where the runs stood: {error}") from error
    if len(forwards) != len(runs) or len(drafts) != len(runs) or len(stand) not in (0, len(runs)):
        refuse("at must say where each of the runs stood.")
    ensure_known(tokens.flatten().tolist(), runs[0].checkpoint)
    return Position(State(tokens, psi, given, mask_id), first, stand, forwards, drafts)


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def _unpacked(content: Any, dtype: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """An array of one's own from base64, of a shape or of whatever length."""
    data = base64.b64decode(text(content, "an array", 1 << 26), validate=True)
    if shape is not None and len(data) != prod(shape) * np.dtype(dtype).itemsize:
        refuse("An array has another size than it should.")
    return np.frombuffer(data, dtype).reshape(shape or -1).copy()


def _tensor(content: Any, dtype: Any, shape: tuple[int, ...] | None = None) -> Tensor:
    return torch.from_numpy(_unpacked(content, dtype, shape))
