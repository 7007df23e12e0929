"""Runs whose traces are kept in tests/traces: the same seeds give the same traces, from one version to the next.

`python tests/recorded_traces.py` writes the two files anew, for a change of the draws that is meant.
"""

import gzip
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch

from remdm import cli
from remdm.models.ideal import WORDS, letters
from remdm.models.network import Compute
from remdm.runs import record
from remdm.runs.frames import Recorded
from remdm.runs.trace import Trace
from remdm.runs.trace_file import to_json
from remdm.sampling.methods import run, settings
from remdm.sampling.presets import METHODS

FOLDER = Path(__file__).parent / "traces"
IDEAL, EMBEDDED = FOLDER / "ideal.json.gz", FOLDER / "embedded.json.gz"
SEEDS = (7, 8)
FIRST_LETTER = 18  # s, given in the second run

CLOSED_FORM: dict[str, dict[str, Any]] = {
    **{sampler: {} for sampler in METHODS},
    **{
        f"{sampler} {' '.join(f'{name}={value}' for name, value in more.items())}": {"sampler": sampler, **more}
        for sampler, more in (
            ("remdm-cap", {"schedule": "cosine", "eta": 0.3}),
            ("remdm-cap", {"precision": 32}),
            ("remdm-cap", {"rule": "cap-rescale", "plan": "switch"}),
            ("remdm-cap", {"coupled": True, "eta": 0.3}),
            ("remdm-conf", {"weighting": "rescored", "temperature": 0.8}),
            ("remdm-loop", {"plan": "loop-times", "schedule": "cosine"}),
            ("remdm-loop", {"nucleus_p": 0.5, "nucleus": "keep", "coupled": True}),
            ("maskgit", {"plan": "loop", "coupled": True}),
        )
    },
}
"""Settings by name: every sampler as its paper has it, and what the parts can do besides."""

COMMANDS = (
    *(f"text --sampler {name} --steps 10" for name in ("mdlm", "remdm-conf", "remdm-loop", "fb", "maskgit")),
    "text --sampler remdm-cap --eta 0.3 --steps 10 --confidence decoded --prompt 'One sunny morning, _ and Ben ...'",
    "text --model prose --sampler remdm-cap --steps 8",
    "text --model prose --sampler llada --steps 8",
    *(f"image --sampler {name} --steps 8" for name in ("remdm-rescale", "remdm-loop", "maskgit")),
    "image --sampler remdm-cap --steps 8 --guidance-scale 2",
    *(f"molecule --sampler {name} --steps 12" for name in ("remdm-conf", "remdm-switch", "dfm")),
    "molecule --sampler remdm-cap --steps 8 --property rings --guidance-scale 2 --guidance D-CFG",
    "molecule --sampler remdm-loop --steps 8 --property qed --guidance-scale 2 --guidance D-CBG",
    *(f"countdown --sampler {name} --steps 12" for name in ("remdm-loop", "llada", "remdm-llada", "llada-dfm")),
)
"""What `remdm sample` is asked for."""


def closed_form(name: str) -> dict[str, Any]:
    """The traces of a setting on the closed-form denoiser of three words in a row: by seed, as in a trace file."""
    chosen = {"sampler": name, **CLOSED_FORM[name]}
    coupled, sampler = chosen.pop("coupled", False), chosen.pop("sampler")
    denoiser = letters([first + second + third for first in WORDS for second in WORDS for third in WORDS])
    start = torch.full((len(SEEDS), denoiser.sequences.shape[1]), denoiser.mask_id)
    start[1, 0] = FIRST_LETTER
    made = settings(sampler, 16, **chosen)
    running = run(denoiser, made, start, SEEDS, coupled=coupled)
    frames: list[list] = [[] for _ in SEEDS]
    for each in running:
        step = Recorded(each)
        for row, kept in enumerate(frames):
            kept.append(step.frame(row, int(running.forwards[row])))
    facts = {"sampler": sampler, "settings": made.flat()}
    return {
        str(seed): to_json(
            Trace(facts, start.shape[1], denoiser.mask_id, tuple(start[row].tolist()), {}, tuple(kept), "")
        )
        for row, (seed, kept) in enumerate(zip(SEEDS, frames, strict=True))
    }


def embedded(command: str, folder: Path) -> dict[str, Any]:
    """The trace that a command writes with an embedded model in float32, whatever is fastest on this machine."""
    plain = Compute(torch.device("cpu"), torch.float32, "the same numbers on every machine")
    with patch.object(record, "compute", lambda device: plain):
        cli.main(["sample", *shlex.split(command), "--seed", "7", "--out", str(folder / "trace.json")])
    return json.loads((folder / "trace.json").read_text(encoding="utf-8"))


def kept(path: Path) -> dict[str, Any]:
    """The recorded traces of a file, by name."""
    return json.loads(gzip.decompress(path.read_bytes()))


def write(path: Path, made: Mapping[str, Any]) -> None:
    """Replace a file of recorded traces."""
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    torch.set_num_threads(1)
    write(IDEAL, {name: closed_form(name) for name in CLOSED_FORM})
    with TemporaryDirectory() as folder:
        write(EMBEDDED, {command: embedded(command, Path(folder)) for command in COMMANDS})
