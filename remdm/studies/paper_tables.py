"""`python -m remdm tables`: the paper's tables and ours, as Markdown, from the result files alone."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from remdm.domains.registry import measurements
from remdm.evaluation import curves
from remdm.evaluation.metrics.statistics import mean_interval
from remdm.evaluation.sweeps import results
from remdm.evaluation.sweeps.results import Row
from remdm.paths import ASSETS
from remdm.sampling.presets import METHODS
from remdm.studies import published, study_tables
from remdm.studies.claims import Claim, better, gained, steady
from remdm.studies.side_by_side import Line, Ours, table
from remdm.views.interval import Interval, figure

RESULTS = ASSETS / "results"
HEAD = """# The paper's tables, and ours

Written by `python -m remdm tables` from the files in `assets/results/`; nothing here is typed by hand, and a test fails
if it is not what the command writes. The paper is *Remasking Discrete Diffusion Models with Inference-Time Scaling*
(arXiv 2503.00307v4). Its models are far larger than ours and were trained on other data, so numbers of the
two sides cannot be compared: what can be is which sampler does better, and how that goes with T. Ours have 95%
intervals where there are any, in brackets; n is the number of samples, NFE that of network evaluations. Of what the
paper says, ours *agree* where the intervals of both samplers are apart at one T at least and nowhere the other way
round; where they touch everywhere it is *undecided*."""
TUNED = """By `python -m remdm tune` (optuna). Trials share their random numbers, so that the best is a little lucky; it
and the paper's values are drawn again with fresh ones. Trials that lost variety against MDLM were refused. As good: the
range of the trials whose interval reaches the best's fresh figure."""

MDLM, FB, DFM = Line("MDLM", "mdlm"), Line("forward-backward", "fb"), Line("DFM", "dfm")
CAP, RESCALE = Line("ReMDM-cap", "remdm-cap"), Line("ReMDM-rescale", "remdm-rescale")
CONF, LOOP = Line("ReMDM-conf", "remdm-conf"), Line("ReMDM-loop", "remdm-loop")
KEPT = Line("ReMDM-conf, marginals kept (ours)", "remdm-conf-mean")
STUDIED = Line("ReMDM-cap, eta 0.91 (the study's)", "remdm-cap", "eta=0.9143")
CHANGED_TOGETHER = (
    "alpha_on=0.9, eta=0.111", "alpha_on=0.9, eta=0.111, t_on=0.9", "alpha_on=0.95, eta=0.05, t_on=0.9",
    "alpha_on=0.8, eta=0.25, t_off=0.1, t_on=0.9", "alpha_on=0.7, eta=0.42, t_off=0.15, t_on=0.9",
    "alpha_on=0.5, eta=1.0", "alpha_on=0.5, eta=1.0, t_off=0.3, t_on=0.9",
)  # fmt: skip
STORY_LENGTH = 160
SHARE, POINTS = ".1%", "+.1%"
FIELD = [Line(method.title, name) for name, method in METHODS.items() if method.field]
"""Samplers of other papers than ReMDM's and those that it compares with."""


Section = tuple[str, list[str], list[Claim]]
QUALITY = ("perfect", "correct", "judge_perplexity", "token_entropy", "distinct", "mauve")


def _beyond(
    lines: Sequence[Line], figures: Callable[[Line], Mapping[int, Interval]], than: str, which: str = "these"
) -> str:
    """Lines that do better than the first one, intervals apart; `than` says what that is, `which` who they are."""
    plain = figures(lines[0])
    above = [
        f"{line.name} (T = {t})"
        for line in lines[1:]
        for t, value in figures(line).items()
        if t in plain and value.low > plain[t].high
    ]
    return f"Of {which}, more perfect stories than {than}, intervals apart: {'; '.join(above) or 'none'}."


def text(ours: Ours) -> list[Section]:
    def short(line: Line) -> dict[int, Interval]:
        return ours.values(line, "perfect", lambda t: t < STORY_LENGTH)

    def long(line: Line, column: str = "perfect") -> dict[int, Interval]:
        return ours.values(line, column, lambda t: t >= STORY_LENGTH)

    def each(line: Line) -> dict[int, Interval]:
        return ours.values(line, "perfect")

    def various(line: Line) -> dict[int, Interval]:
        states = ours.values(line, "state_entropy")
        return {t: value for t, value in each(line).items() if variety is None or states[t].value >= floor * variety}

    world, variety = (
        curves.data(ours.kind, ours.rows, ours.kind.measure(name), ours.condition)
        for name in ("token_entropy", "state_entropy")
    )
    floor = ours.kind.objective.floors["state_entropy"]  # as when settings are searched for
    kept = f"those that keep {floor:.0%} of the data's variety"
    closed = "A story of the closed world has about the same entropy whoever tells it" + (
        "; prose can lose much more."
        if world is None
        else f" (the world's own: {figure(world)} nats); prose can lose more."
    )
    owt = [
        better("ReMDM-loop beats MDLM at T >= L", published.OWT_LONG, "MAUVE", "ReMDM (loop, cap 0.02)", "MDLM",
               (long(LOOP), long(MDLM)), SHARE),
        better("ReMDM-cap beats MDLM at T < L", published.OWT_SHORT, "MAUVE", "ReMDM (cap 0.04)", "MDLM",
               (short(CAP), short(MDLM)), SHARE),
        steady("MDLM gains nothing from more steps at T >= L", published.OWT_LONG, "MAUVE", "MDLM",
               long(MDLM), SHARE),
        better("ReMDM-loop beats the DFM corrector at T >= L", published.OWT_LONG, "MAUVE", "ReMDM (loop, cap 0.02)",
               "MDLM + DFM", (long(LOOP), long(DFM)), SHARE,
               why=f"The paper's eta is too small for these stories, whatever the rule (see Tuning): {STUDIED.name} "
               "is level with DFM where both were measured."),
        better("The price is entropy: ReMDM-loop's is below MDLM's at T >= L", published.OWT_LONG, "entropy",
               "ReMDM (loop, cap 0.02)", "MDLM",
               (long(LOOP, "token_entropy"), long(MDLM, "token_entropy")), "",
               lower=(True, True), why=closed, unsure=closed),
    ]  # fmt: skip
    strategies = [
        better("The loop is the best strategy at T >= L: it beats cap", published.STRATEGIES_LONG, "MAUVE",
               "loop 0.02", "cap 0.008", (long(LOOP), long(CAP)), SHARE,
               why="Why is open; the bound of eta is not the reason (see the loop's settings changed together). What "
               "differs here: L = 160 is reached at T where the paper still uses its large eta, and a sentence of a "
               "story is right or wrong as a whole, so that remasking at all times, as cap does, goes on repairing "
               "while the rest is empty."),
        better("The loop beats rescale at T >= L", published.STRATEGIES_LONG, "MAUVE", "loop 0.02", "rescale 0.015",
               (long(LOOP), long(RESCALE)), SHARE,
               why="Why is open, as for cap."),
        better("Cap beats rescale at T < L", published.STRATEGIES_SHORT, "MAUVE", "cap 0.04", "rescale 0.045",
               (short(CAP), short(RESCALE)), SHARE),
    ]  # fmt: skip
    plain = [
        Line("MDLM, no nucleus, 32-bit noise", "mdlm", "nucleus_p=1.0, precision=32"),
        Line("MDLM, no nucleus", "mdlm", "nucleus_p=1.0"), Line("MDLM, nucleus 0.9", "mdlm"),
        Line("ReMDM-cap, no nucleus", "remdm-cap", "nucleus_p=1.0"), Line("ReMDM-cap, nucleus 0.9", "remdm-cap"),
        Line("ReMDM-loop, nucleus 0.9", "remdm-loop"),
    ]  # fmt: skip
    etas = [CAP, *(Line(f"ReMDM-cap, eta {eta}", "remdm-cap", f"eta={eta}") for eta in (0.008, 0.05, 0.2))]
    every = [MDLM, FB, DFM, CAP, RESCALE, CONF, KEPT, LOOP]
    together = [LOOP, *(Line(f"ReMDM-loop, {changes}", "remdm-loop", changes) for changes in CHANGED_TOGETHER)]
    both = [table(published.OWT_LONG), table(published.OWT_SHORT)]
    return [
        ("Text: Table 1, more steps than tokens and fewer",
         [*both, f"Ours: the story model, {ours.parameters}, L = {STORY_LENGTH}; T < {STORY_LENGTH} is the short side.",
          *ours.tables([MDLM, FB, DFM, LOOP, CAP, STUDIED], QUALITY)], owt),
        ("Text: strategies (Table 6)",
         [table(published.STRATEGIES_LONG), table(published.STRATEGIES_SHORT), *ours.tables(every[3:], QUALITY[:2])],
         strategies),
        ("Text: the loop's settings changed together",
         [f"While the loop runs, sigma cannot exceed (1 - alpha_on) / alpha_on: {(1 - 0.9) / 0.9:.3f} at the paper's "
          "alpha_on of 0.9, where a larger eta changes nothing. At alpha_on 0.5 sigma may reach 1. Rows with changes "
          "have an eta at the bound of their alpha_on, or just below it. What is left open at alpha_on is decoded in "
          "the last t_off of the steps, without repair.",
          *ours.tables(together, QUALITY[:2]), _beyond(together, long, "at the paper's settings")], []),
        ("Text: samplers of the field",
         ["Samplers of other papers, each with the settings of its source (remdm/sampling/presets.py), "
          "next to MDLM and ReMDM-cap. Some end when nothing is masked, so that T is the most steps that they may "
          "take; some ask the network several times a step. So compare them by NFE. Nothing was tuned here but the "
          "study's eta and, on other seeds, the noise of Annealed, which is ours. PRISM alone needs training.",
          "Who is sure alone may tell the same story again and again: variety is what many stories differ in.",
          *ours.tables([MDLM, CAP, STUDIED, DFM, *FIELD], ("perfect", "correct", "state_entropy", "token_entropy")),
          _beyond([MDLM, *FIELD], various, "MDLM at the same T", kept),
          _beyond([CAP, *FIELD], various, "ReMDM-cap at its paper's eta", kept),
          _beyond([STUDIED, *FIELD], various, STUDIED.name, kept)], []),
        ("Text: ablation (Figure 3)",
         ["The paper prints curves only: MDLM, with nucleus, with remasking, with the loop, each better than the one "
          "before it, remasking by most.", *ours.tables(plain, QUALITY[:2])], []),
        ("Text: perplexity hacked by a large eta (Table 5)",
         [table(published.HACKED), "Perplexity falls and entropy with it: it is never shown alone.",
          *ours.tables(etas, ("judge_perplexity", "token_entropy"))], []),
    ]  # fmt: skip


def image(ours: Ours) -> list[Section]:
    even = Line("MaskGIT, linear schedule", "maskgit", "schedule=linear")
    lines = [even, Line("MaskGIT, cosine schedule", "maskgit"), MDLM, FB, DFM, RESCALE, CAP, CONF, KEPT, LOOP]
    few = "More pictures would tell: an interval needs three seeds, and those of few pictures are wide."
    claims = [
        better("ReMDM-rescale has a smaller distance than MDLM", published.IMAGENET, "FID", "ReMDM (rescale 0.05)",
               "MDLM", (ours.values(RESCALE, "frechet"), ours.values(MDLM, "frechet")), "", lower=(True, True),
               unsure=few),
        better("ReMDM-rescale has a smaller distance than MaskGIT at the largest T", published.IMAGENET, "FID",
               "ReMDM (rescale 0.05)", "MaskGIT",
               (ours.values(RESCALE, "frechet"), ours.values(even, "frechet")), "", lower=(True, True),
               unsure=few),
    ]  # fmt: skip
    about = (
        f"Ours: {ours.parameters}, emoji, 256 tokens a picture, the same tau, no guidance. The distance is by our own "
        "small classifier of the same emoji: it is not an FID, and with few pictures it is too large for all samplers "
        "alike. The paper has no rows of forward-backward and DFM for pictures. Its MaskGIT runs on the linear "
        "schedule, as all of its samplers do; the cosine is that of MaskGIT's own paper."
    )
    parts = [table(published.IMAGENET), table(published.IMAGENET_MORE), about]
    return [("Pictures: Tables 2 and 7", [*parts, *ours.tables(lines, ("frechet", "score", "accuracy"))], claims)]


def molecule(rows: Sequence[Row]) -> list[Section]:
    """QM9, unguided, Table 8 and the frontier."""
    kind = measurements()["molecule"]
    lines = [MDLM, FB, DFM, Line("ReMDM-loop (rescale 0.9, conf)", "remdm-loop")]
    first = Ours(kind, rows, "rings, D-CFG, γ = 1")
    novel = {line.sampler: first.values(line, "novel") for line in lines}
    frontier = []
    for scale in published.FRONTIER.steps:
        at = Ours(kind, rows, f"rings, D-CFG, γ = {scale}")
        made = at.tables(lines, ("novel", "rings"))
        if len(made) > 1:
            frontier += [f"γ = {scale}:", *made[:-1]]
    claims = [
        better("At the largest T, ReMDM finds more novel molecules than DFM", published.QM9, "novel of 1,024",
               "ReMDM (rescale 0.9, conf, loop)", "DFM", (novel["remdm-loop"], novel["dfm"]), SHARE,
               why="The paper's order turns at T = 64: at T = 32 its DFM leads too."),
        better("At the largest T, ReMDM finds more novel molecules than forward-backward", published.QM9,
               "novel of 1,024", "ReMDM (rescale 0.9, conf, loop)", "forward-backward",
               (novel["remdm-loop"], novel["fb"]), SHARE, why="At T = 32 the paper's are equal, 273 and 268."),
    ]  # fmt: skip
    free = Ours(kind, rows, "no property")
    unguided = [MDLM, FB, DFM, CAP, RESCALE, CONF, KEPT, Line("ReMDM-loop", "remdm-loop")]
    return [
        ("Molecules: Table 8", [table(published.QM9), f"Ours: {first.parameters}, the same guidance and gamma.",
                                *first.tables(lines, ("novel", "rings"))], claims),
        ("Molecules: the frontier (Figure 4)", [table(published.FRONTIER), *frontier], []),
        ("Molecules: without a property", ["The paper has no such table.",
                                           *free.tables(unguided, ("valid", "unique", "novel", "fcd"))], []),
    ]  # fmt: skip


def countdown(ours: Ours) -> list[Section]:
    lines = [
        Line("LLaDA", "llada"), Line("LLaDA, best of 3 by its own probability", "llada", "restarts=3"),
        Line("LLaDA-DFM", "llada-dfm"), Line("ReMDM-LLaDA", "remdm-llada"), MDLM, FB, DFM, CAP, CONF, KEPT, LOOP,
    ]  # fmt: skip
    gains = {
        sampler: {
            t: mean_interval(own, "gain")
            for t in sorted({int(row["steps"]) for row in ours.rows})
            if (own := [row for row in ours.rows if (row["sampler"], row["steps"], row["overrides"], row["reference"])
                        == (sampler, str(t), "", "llada")])
        }
        for sampler in ("remdm-llada", "llada-dfm")
    }  # fmt: skip

    solved = published.COUNTDOWN.figures[0]
    claims = [
        gained("ReMDM-LLaDA solves more than LLaDA", published.COUNTDOWN, solved, "LLaDA-ReMDM", "LLaDA",
               gains["remdm-llada"], POINTS,
               why="At T = 11 an answer is drafted in fewer steps than it has words: several are decoded at a time, "
               "while LLaDA takes one a step."),
        gained("LLaDA solves more than LLaDA-DFM", published.COUNTDOWN, solved, "LLaDA", "LLaDA-DFM",
               {t: -each for t, each in gains["llada-dfm"].items()},
               POINTS, unsure="The paper's two differ by twice their ± of 0.2 only."),
    ]  # fmt: skip
    about = (
        f"Ours: {ours.parameters}, three numbers, held-out problems of our own, an answer of 11 words. Both sides "
        "compare at unequal NFE, ours as the last table has it. Gains are paired, problem by problem, in percentage "
        "points. TruthfulQA is not measured: it needs LLaDA itself."
    )
    parts = [table(published.COUNTDOWN), about, *ours.tables(lines, ("solved",)), table(published.TRUTHFULQA)]
    return [("Countdown: Table 3", parts, claims)]


def field(domain: str, ours: Ours, columns: Sequence[str]) -> Section:
    """The samplers of the field in another domain than text, at the settings of their sources."""
    return f"{domain}: samplers of the field", list(ours.tables([MDLM, CAP, DFM, *FIELD], columns)), []


def sections(folder: Path) -> list[Section]:
    """All of them, from the result files of a folder."""
    rows = {name: results.read(folder / kind.file) for name, kind in measurements().items()}
    own = {name: Ours(kind, rows[name], kind.own) for name, kind in measurements().items()}
    return [
        *text(own["text"]), *image(own["image"]), field("Pictures", own["image"], ("frechet", "accuracy")),
        *molecule(rows["molecule"]), field("Molecules", own["molecule"], ("valid", "unique", "novel")),
        *countdown(own["countdown"]), field("Countdown", own["countdown"], ("solved",)),
    ]  # fmt: skip


def render(folder: Path = RESULTS) -> str:
    parts = [HEAD]
    for title, tables, claims in sections(folder):
        parts += [f"## {title}", *tables]
        if claims:
            parts += ["What the paper says, and whether ours say so:", "\n".join(claim.line for claim in claims)]
    tuned, noise = study_tables.tuned(folder), study_tables.noise(folder)
    parts += ["## Tuning: settings at a fixed number of steps", TUNED, *tuned] if tuned else []
    parts += (
        ["## 32-bit noise (Zheng et al. 2024, arXiv 2409.02908)", "By `python -m remdm precision`.", *noise]
        if noise
        else []
    )
    missing = "\n".join(f"- {kind.missing}" for kind in measurements().values())
    parts += ["## What is not measured, and how ours are to be read", missing]
    return "\n\n".join(parts) + "\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the result files")
    parser.add_argument("--out", type=Path, help="a file, such as docs/results.md; without it the page is printed")


def run(args: argparse.Namespace) -> None:
    made = render(args.results)
    if args.out is None:
        print(made, end="")
        return
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(made, encoding="utf-8")
    print(args.out)
