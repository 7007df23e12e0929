"""The paper's tables beside ours: generated, and every verdict computed."""

from pathlib import Path

import pytest
from result_rows import row, write

from remdm.cli import main
from remdm.studies import claims, paper_tables, published
from remdm.studies.claims import AGREES, DISAGREES, MIXED, UNDECIDED, UNMEASURED, better, gained, steady
from remdm.studies.side_by_side import table
from remdm.views.interval import Interval

PAGE = Path("docs/results.md")


def test_the_page_is_what_the_command_writes_from_the_shipped_files(tmp_path, capsys):
    main(["tables", "--out", str(tmp_path / "made.md")])
    assert (tmp_path / "made.md").read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8"), (
        "run: python -m remdm tables --out docs/results.md"
    )


def test_every_claim_is_one_that_the_published_numbers_make():
    made = [claim for _, _, some in paper_tables.sections(paper_tables.RESULTS) for claim in some]
    assert len(made) > 10 and all(claim.holds for claim in made), [each.words for each in made if not each.holds]


def test_every_published_table_is_whole_and_printed_with_its_source():
    tables = [each for each in vars(published).values() if isinstance(each, published.Published)]
    page = PAGE.read_text(encoding="utf-8")
    for each in tables:
        assert all(len(row) == len(each.figures) for row in each.rows.values())
        assert all(len(numbers) == len(each.steps) for row in each.rows.values() for numbers in row)
        assert table(each) in page and each.source.startswith("arXiv 2503.00307v4")


def near(value: float, reach: float = 0.01) -> Interval:
    return Interval(value, value - reach, value + reach)


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        ({160: near(0.5)}, {160: near(0.4)}, AGREES),
        ({160: near(0.4)}, {160: near(0.5)}, DISAGREES),
        ({160: near(0.5)}, {160: near(0.49)}, UNDECIDED),
        ({160: near(0.5), 320: near(0.4)}, {160: near(0.4), 320: near(0.5)}, MIXED),
        ({160: near(0.5)}, {320: near(0.4)}, UNMEASURED),
        ({160: near(0.5, 0.0)}, {160: near(0.4)}, UNDECIDED),  # a figure without an interval decides nothing
    ],
)
def test_the_verdict_is_that_of_the_intervals(one, other, verdict):
    asked = ("x", published.OWT_LONG, "MAUVE", "ReMDM (loop, cap 0.02)", "MDLM")
    made = better(*asked, (one, other), ".2f")
    assert made.verdict == verdict and made.holds
    turned = better(*asked, (other, one), ".2f", lower=(False, True))
    assert turned.verdict == verdict
    assert ("Why is open." in made.line) == (verdict in (DISAGREES, MIXED))
    assert not better("x", published.OWT_LONG, "MAUVE", "MDLM", "ReMDM (loop, cap 0.02)", ({}, {})).holds


def test_standing_still_and_gains():
    show = ".2f"
    asked = ("x", published.OWT_LONG, "MAUVE", "MDLM")
    assert steady(*asked, {160: near(0.1), 640: near(0.1)}, show).verdict == AGREES
    assert steady(*asked, {160: near(0.1), 640: near(0.2)}, show).verdict == DISAGREES
    assert steady(*asked, {160: near(0.1)}, show).verdict == UNMEASURED
    asked = ("x", published.COUNTDOWN, "pass@1, %", "LLaDA-ReMDM", "LLaDA")
    assert gained(*asked, {32: near(0.02)}, show).verdict == AGREES
    assert gained(*asked, {32: near(0.005)}, show).verdict == UNDECIDED
    assert gained(*asked, {32: near(-0.02)}, show).verdict == DISAGREES


def test_other_rows_turn_the_verdict_and_a_missing_file_leaves_gaps(tmp_path):
    more = {"perfect_low": 0.1, "perfect_high": 0.2, "parameters": 1_000_000}
    rows = [
        row("remdm-loop", 160, 0.9, perfect=0.15, **more),
        row("mdlm", 160, 0.9, perfect=0.5, **{**more, "perfect_low": 0.4, "perfect_high": 0.6}),
    ]  # fmt: skip
    page = paper_tables.render(write(tmp_path, rows))
    assert f"ReMDM-loop beats MDLM at T >= L: **{DISAGREES}** (T = 160: 15.0% against 50.0%)" in page
    assert f"ReMDM-cap beats MDLM at T < L: **{UNMEASURED}**" in page
    assert "| ReMDM-loop | 15.0% (10.0 to 20.0), n = 64 |" in page and "Not measured: forward-backward; DFM" in page
    assert claims.differ(near(0.5), near(0.4), lower=True) == -1
