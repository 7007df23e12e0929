"""The numbers that the paper published, each with its source, laid out as there. Nothing of ours stands here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PAPER = "arXiv 2503.00307v4"
Numbers = Sequence[float | None]


@dataclass(frozen=True)
class Published:
    """A table of the paper.

    Attributes:
        source: where it stands. setting: the model, the data and how much was drawn.
        steps: T of the columns of each figure. figures: what is measured, in the order of the numbers of a row.
        rows: sampler as printed -> for each figure its numbers, one a T; None where nothing was published.
    """

    source: str
    setting: str
    steps: tuple[int, ...]
    figures: tuple[str, ...]
    rows: Mapping[str, tuple[Numbers, ...]]

    def at(self, sampler: str, figure: str) -> dict[int, float]:
        numbers = self.rows[sampler][self.figures.index(figure)]
        return {t: value for t, value in zip(self.steps, numbers, strict=True) if value is not None}

    def digits(self, figure: str) -> int:
        """How many digits behind the point the paper has."""
        place = self.figures.index(figure)
        values = [value for row in self.rows.values() for value in row[place]]
        return max(len(repr(value).partition(".")[2].rstrip("0")) for value in values)


_OWT = "MDLM of 170M parameters on OpenWebText, L = 1024, nucleus 0.9 (SEDD: none), 5,000 samples"
_TEXT = ("MAUVE", "Gen PPL", "entropy")
_LONG, _SHORT = (1024, 2048, 4096), (128, 256, 512)

OWT_LONG = Published(
    f"{PAPER}, Table 1, T >= L", _OWT, _LONG, _TEXT,
    {
        "SEDD absorb": ((0.008, 0.008, 0.009), (104.7, 103.2, 102.5), (5.62, 5.61, 5.61)),
        "MDLM": ((0.042, 0.037, 0.035), (51.3, 51.3, 50.9), (5.46, 5.46, 5.45)),
        "MDLM + forward-backward": ((0.133, 0.197, 0.243), (33.8, 28.6, 22.8), (5.35, 5.28, 5.18)),
        "MDLM + DFM": ((0.254, 0.294, 0.269), (21.7, 21.0, 20.7), (5.20, 5.19, 5.17)),
        "ReMDM (loop, cap 0.02)": ((0.403, 0.610, 0.656), (28.6, 22.8, 17.6), (5.38, 5.30, 5.20)),
    },
)  # fmt: skip
OWT_SHORT = Published(
    f"{PAPER}, Table 1, T < L", _OWT, _SHORT, _TEXT,
    {
        "SEDD absorb": ((0.007, 0.007, 0.008), (119.2, 110.1, 107.2), (5.65, 5.63, 5.62)),
        "MDLM": ((0.015, 0.023, 0.031), (61.5, 55.8, 53.0), (5.52, 5.49, 5.48)),
        "MDLM + forward-backward": ((0.064, 0.084, 0.100), (42.8, 39.6, 37.1), (5.44, 5.41, 5.38)),
        "MDLM + DFM": ((0.041, 0.144, 0.211), (37.9, 26.5, 23.3), (5.31, 5.26, 5.23)),
        "ReMDM (cap 0.04)": ((0.057, 0.216, 0.350), (42.5, 30.5, 21.1), (5.43, 5.34, 5.21)),
    },
)  # fmt: skip
STRATEGIES_LONG = Published(
    f"{PAPER}, Table 6, T >= L", _OWT, _LONG, _TEXT,
    {
        "cap 0.008": ((0.355, 0.474, 0.353), (27.7, 20.2, 14.4), (5.32, 5.21, 5.06)),
        "loop 0.02": ((0.403, 0.610, 0.656), (28.6, 22.8, 17.6), (5.38, 5.30, 5.20)),
        "rescale 0.015": ((0.253, 0.289, 0.208), (27.4, 20.4, 14.6), (5.28, 5.15, 4.94)),
    },
)  # fmt: skip
STRATEGIES_SHORT = Published(
    f"{PAPER}, Table 6, T < L", _OWT, _SHORT, _TEXT,
    {
        "cap 0.04": ((0.057, 0.216, 0.350), (42.5, 30.5, 21.1), (5.43, 5.34, 5.21)),
        "loop 0.055": ((0.041, 0.159, 0.328), (51.5, 38.1, 29.3), (5.52, 5.45, 5.38)),
        "rescale 0.045": ((0.040, 0.107, 0.218), (46.2, 34.8, 25.6), (5.44, 5.36, 5.24)),
    },
)  # fmt: skip
HACKED = Published(
    f"{PAPER}, Table 5", f"{_OWT}; cap", (1024,), _TEXT,
    {
        "cap 0.008": ((0.36,), (27.7,), (5.32,)),
        "cap 0.05": ((0.25,), (12.9,), (4.93,)),
        "cap 0.2": ((0.02,), (3.1,), (2.43,)),
    },
)  # fmt: skip
IMAGENET = Published(
    f"{PAPER}, Table 2 (all settings: Table 7)",
    "MaskGIT's network on ImageNet 256 x 256, 256 tokens, 50,000 pictures; tau 1.0 for MaskGIT, else 0.8; no guidance",
    (16, 32, 64), ("FID", "IS"),
    {
        "MaskGIT": ((6.74, 4.92, 4.85), (155.32, 181.57, 196.38)),
        "MDLM": ((7.88, 5.37, 4.69), (140.97, 169.79, 187.93)),
        "ReMDM (rescale 0.05)": ((7.40, 4.92, 4.45), (145.27, 182.05, 209.45)),
    },
)  # fmt: skip
IMAGENET_MORE = Published(
    f"{PAPER}, Table 7, tau 0.8", "as above", (16, 32, 64), ("FID", "IS"),
    {
        "cap 0.05": ((7.24, 4.83, 4.52), (147.20, 184.21, 211.06)),
        "rescale 0.05": ((7.40, 4.92, 4.45), (145.27, 182.05, 209.45)),
        "conf": ((6.91, 5.16, 5.35), (150.73, 189.51, 212.66)),
    },
)  # fmt: skip
QM9 = Published(
    f"{PAPER}, Table 8", "92M parameters on QM9, L = 32, rings by D-CFG with gamma 1, 1,024 samples", (32, 64, 128),
    ("novel of 1,024", "mean rings of the novel"),
    {
        "forward-backward": ((268, 304, 295), (4.35, 4.42, 4.53)),
        "DFM": ((341, 311, 236), (4.57, 4.57, 4.52)),
        "ReMDM (rescale 0.9, conf, loop)": ((273, 318, 348), (4.64, 4.61, 4.53)),
    },
)  # fmt: skip
FRONTIER = Published(
    f"{PAPER}, Figure 4, read off the picture (±5 and ±0.02)", "as above, T = 128; columns are gamma", (1, 2, 3, 4, 5),
    ("novel of 1,024", "mean rings of the novel"),
    {
        "MDLM": ((309, 262, 192, 136, 95), (4.58, 4.86, 5.02, 5.05, 5.06)),
        "ReMDM (rescale 0.9, conf, loop)": ((348, 305, 297, 206, 147), (4.53, 4.82, 4.96, 5.10, 5.16)),
    },
)  # fmt: skip
COUNTDOWN = Published(
    f"{PAPER}, Table 3", "LLaDA-8B-Instruct, four shots, 256 problems, 20 seeds; every ±: 0.2. LLaDA takes 32 network "
    "evaluations an answer, LLaDA-ReMDM 64", (32,), ("pass@1, %",),
    {"LLaDA": ((45.2,),), "LLaDA-DFM": ((44.8,),), "LLaDA-ReMDM": ((46.1,),)},
)  # fmt: skip
TRUTHFULQA = Published(
    f"{PAPER}, Table 3", "LLaDA-8B-Instruct, six shots, 817 questions, 20 seeds: ROUGE with the nearest true answer "
    "less that with the nearest false one; every ±: 0.4 (0.3 for ROUGE-L of LLaDA-ReMDM)", (32,),
    ("ROUGE-1", "ROUGE-2", "ROUGE-L"),
    {
        "LLaDA": ((27.1,), (30.1,), (27.2,)),
        "LLaDA-DFM": ((28.2,), (31.1,), (28.3,)),
        "LLaDA-ReMDM": ((29.5,), (31.8,), (29.5,)),
    },
)  # fmt: skip
