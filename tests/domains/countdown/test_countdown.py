"""Countdown: the generator, the checker by the paper's rules, the domain, the score of a sampler."""

import hashlib
import random
import re
import threading
from fractions import Fraction

import numpy as np
import pytest
import torch
from token_views import named
from torch.nn.functional import one_hot

from remdm.cli import main
from remdm.domains.countdown import domain, rows
from remdm.domains.countdown import problems as countdown
from remdm.domains.countdown.checker import judge, value, words_of
from remdm.domains.countdown.problems import IDS, LENGTH, PROMPT, RANGES, SMALL, WORDS, Problem
from remdm.domains.countdown.race import race
from remdm.domains.countdown.scores import Answers, over_problems, render, score, starts
from remdm.domains.countdown.train import circles, heldout, known, octaves, periods
from remdm.evaluation.metrics.statistics import over_seeds
from remdm.models.network import compute
from remdm.paths import ASSETS
from remdm.runs.record import record
from remdm.runs.request import RunRequest
from remdm.sampling.denoiser import Denoiser
from remdm.sampling.methods import settings

# The checker


@pytest.mark.parametrize(
    ("answer", "numbers", "target"),
    [
        ("2*54=108,108-44=64", (44, 2, 54), 64),
        ("44/11=4,22+4=26", (22, 11, 44), 26),
        ("62+96=158,158/2=79", (2, 62, 96), 79),
        ("52-20=32,21+32=53", (52, 20, 21), 53),
        ("3 * 7 = 21, 21 + 5 = 26", (3, 5, 7), 26),
        ("5+5=10,10+5=15", (5, 5, 5), 15),
        ("3-5=-2,7--2=9", (3, 5, 7), 9),
    ],
)
def test_right_answers_of_the_papers_task_pass(answer, numbers, target):
    found = judge(answer, numbers, target)
    assert found.correct, found.issues


@pytest.mark.parametrize(
    ("answer", "numbers", "target", "rule", "says"),
    [
        ("3*7=20,20+6=26", (3, 6, 7), 26, "equation", "3 * 7 is 21, not 20."),
        ("3*7=21,21+5=27", (3, 5, 7), 26, "target", "The last result is 27, not the target 26."),
        ("3*7=21,21+5=27", (3, 5, 7), 26, "equation", "21 + 5 is 26, not 27."),
        ("3*7=21,21+4=25", (3, 5, 7), 25, "unused", "The given number 5 is not used."),
        ("3*7=21,21+4=25", (3, 5, 7), 25, "stranger", "4 is neither a given number nor a result that is used."),
        ("3*7=21,20+5=25", (3, 5, 7), 25, "stranger", "21 is neither"),
        ("3*7+5=26", (3, 5, 7), 26, "count", "Five numbers must stand before the last =, not 3."),
        ("3+5=8,8+7=15,15+3=18", (3, 5, 7), 18, "count", "not 8"),
        ("7/3=2,2+5=7", (3, 5, 7), 7, "equation", "7 / 3 is 7/3, which is not a whole number, not 2."),
        ("7-7=0,3/0=5", (3, 5, 7), 5, "equation", "divided by 0"),
        ("3*=21,21+5=26", (3, 5, 7), 26, "equation", "is not an equation"),
        ("3*7=21=21,21+5=26", (3, 5, 7), 26, "equation", "is not an equation"),
        ("3*7=21,,21+5=26", (3, 5, 7), 26, "equation", "is not an equation"),
        ("hello", (3, 5, 7), 26, "equation", "is not an equation"),
        ("", (3, 5, 7), 26, "equation", "is not an equation"),
        ("2**3=8,8+5=13", (2, 3, 5), 13, "equation", "is not an equation"),
        ("__import__('os')=1", (3, 5, 7), 1, "equation", "is not an equation"),
        (("(" * 900) + "=1", (3, 5, 7), 1, "equation", "is not an equation"),
    ],
)
def test_each_rule_can_be_broken_and_is_named(answer, numbers, target, rule, says):
    found = judge(answer, numbers, target)
    assert not found.correct
    assert any(each.kind == rule and says in each.message for each in found.issues), found.issues


def test_the_papers_rules_look_at_which_numbers_occur_and_fair_at_how_often():
    found = judge("5*5=25,25+3=28", (5, 3, 3), 28)
    assert found.correct and not found.fair
    assert judge("5*3=15,15+3=18", (5, 3, 3), 18).fair


def by_the_letter(answer, numbers, target):
    """method.md 7.2 once more, written without the checker."""
    if not re.fullmatch(r"[0-9]+", answer.rpartition("=")[2]):
        return False
    used = [int(each) for each in re.findall(r"[0-9]+", answer.rpartition("=")[0])]
    true = []
    for equation in answer.split(","):
        parts = re.fullmatch(r"([0-9]+)([+*/-])([0-9]+)=([0-9]+)", equation)
        if not parts or (parts[2] == "/" and int(parts[3]) == 0):
            return False
        a, b = Fraction(parts[1]), Fraction(parts[3])
        made = {"+": a + b, "-": a - b, "*": a * b}[parts[2]] if parts[2] != "/" else a / b
        true.append(made == int(parts[4]))
    return (
        all(true)
        and len(used) == 5
        and set(numbers) <= set(used)
        and all(number in numbers or used.count(number) > 1 for number in used)
        and int(answer.rpartition("=")[2]) == target
    )


def test_the_checker_agrees_with_the_rules_written_out():
    rng, agreed = random.Random(0), [0, 0]
    for _ in range(3000):
        problem = rng.choice(countdown.problems(SMALL, True))
        first, second = rng.choice(countdown.solutions(problem.numbers, SMALL.limit)[problem.target])
        words = words_of(",".join("{}{}{}={}".format(*each) for each in (first, second)))
        for _ in range(rng.randrange(3)):  # spoilt in up to two places, by any word, or by losing one
            place = rng.randrange(len(words))
            words[place : place + 1] = rng.choice([[], [rng.choice("+-*/=,")], [str(rng.randrange(1, 61))], [words[0]]])
        text = "".join(words)
        expected = by_the_letter(text, problem.numbers, problem.target)
        assert judge(text, problem.numbers, problem.target).correct == expected, (text, problem)
        agreed[expected] += 1
    assert min(agreed) > 500


def test_expressions_are_read_in_the_usual_order():
    assert value(words_of("2+3*4")) == 14 and value(words_of("(2+3)*4")) == 20
    assert value(words_of("8-4-2")) == 2 and value(words_of("8/4/2")) == 1


ROW = "3 5 7 → 26 : 7 * 3 = 21 , 21 + 5 = 26".split()


def masked(*places, **changed):
    words = list(ROW)
    for place, word in changed.items():
        words[int(place[1:])] = word
    return named([None if place in places else word for place, word in enumerate(words)], WORDS)


def test_an_equation_is_judged_as_soon_as_it_is_complete():
    assert [line.state for line in domain.verdict(masked(11, 12)).lines] == ["right", "open"]
    assert [line.state for line in domain.verdict(masked(8, p16="27")).lines] == ["open", "wrong"]
    assert [each.kind for each in domain.verdict(masked(8, p16="27")).issues] == ["equation", "target"]
    assert not domain.verdict(masked(*range(6, 17))).issues
    assert domain.verdict(masked()).correct and not domain.verdict(masked(11)).correct


def test_issues_blame_the_places_in_the_row():
    (issue,) = domain.COUNTDOWN.issues(masked(12, p10="20"))
    assert (issue.positions, issue.kind) == ((6, 7, 8, 9, 10), "equation")


@pytest.mark.parametrize("words", [[None] * 17, ["3", "5"], [",", *ROW[1:]], ["?", *ROW[1:]], ["<pad>"] * 400])
def test_tokens_without_a_problem_have_nothing_to_check(words):
    view, model = named(words, WORDS), domain.COUNTDOWN
    assert (domain.verdict(view), model.issues(view), model.scene(view), model.tile(view)) == (None, (), None, "")
    assert model.numbers([view])[0][1] == "0 of 1"


# The generator


def test_every_solution_is_accepted_and_every_target_is_in_range():
    for problem in (*countdown.problems(SMALL, True), *countdown.problems(SMALL, False)[::5]):
        for way in countdown.solutions(problem.numbers, SMALL.limit)[problem.target]:
            text = ",".join("{}{}{}={}".format(*each) for each in way)
            found = judge(text, problem.numbers, problem.target)
            assert found.correct and found.fair, (problem, text)


@pytest.mark.parametrize("asked", RANGES.values(), ids=RANGES)
def test_a_problem_is_unsolvable_only_if_no_two_equations_reach_it(asked):
    """Against every order and operation, tried blindly."""
    for numbers in random.Random(1).sample(countdown.triples(False, asked.largest).tolist(), 12):
        reached = set()
        for i in range(3):
            rest, (a, b) = numbers[i], [numbers[j] for j in range(3) if j != i]
            for first in results(a, b, asked.limit):
                reached |= set(results(first, rest, asked.limit))
        assert reached == set(countdown.solutions(tuple(numbers), asked.limit))


def results(a, b, limit):
    tried = [a + b, a - b, b - a, a * b, Fraction(a, b), Fraction(b, a)]
    return [int(each) for each in tried if each == int(each) and 1 <= each <= limit]


@pytest.mark.parametrize("asked", RANGES.values(), ids=RANGES)
def test_problems_of_a_range_keep_its_bounds_and_its_split(asked):
    found = countdown.problems(asked, True)
    assert len(set(found)) == len(found)
    for problem in random.Random(2).sample(found, 150):
        assert list(problem.numbers) == sorted(problem.numbers) and problem.numbers[2] <= asked.largest
        assert asked.targets[0] <= problem.target <= asked.targets[1]
        assert countdown.is_held_out(",".join(map(str, problem.numbers))) and countdown.is_held_out(str(problem.target))
        assert problem.target in countdown.solutions(problem.numbers, asked.limit)
    assert 1000 <= len(countdown.test_problems(asked)) <= 6 * countdown.MOST_ASKED
    assert not set(countdown.test_problems(asked)) & set(countdown.tuning_problems(asked))


@pytest.mark.parametrize("asked", RANGES.values(), ids=RANGES)
def test_training_never_sees_a_held_out_triple_or_target_of_three_numbers(asked):
    batch = np.concatenate([rows.batch(asked, index, 256) for index in (0, 700, 3000, 6500)])
    assert (rows.batch(asked, 700, 256) == batch[256:512]).all()
    three = inside = 0
    for row in batch:
        words = [WORDS[token] for token in row]
        assert set(words) <= set(countdown.words(asked))
        if words[3] != "→" or "<pad>" in words:
            continue
        three += 1
        problem = domain.problem_of(words)
        assert not countdown.is_held_out(str(problem.target))
        assert not countdown.is_held_out(",".join(map(str, sorted(problem.numbers))))
        assert domain.verdict(named(words, WORDS)).fair
        inside += max(problem.numbers) <= asked.largest and asked.targets[0] <= problem.target <= asked.targets[1]
    assert three > len(batch) / 3 and len(batch) / 4 < inside < three


@pytest.mark.parametrize("asked", RANGES.values(), ids=RANGES)
def test_every_equation_of_training_is_true(asked):
    operations = {"+": np.add, "-": np.subtract, "*": np.multiply}
    batch = np.concatenate([rows.batch(asked, index, 512) for index in (0, 700, 6500)])
    seen = 0
    for begin in (0, 6, 12):
        own = batch[batch[:, begin + 3] == IDS["="]][:, begin : begin + 5]
        own = own[own[:, 0] > countdown.ZERO]
        left, right, value = (own[:, place] - countdown.ZERO for place in (0, 2, 4))
        assert value.min() >= 1 and max(left.max(), value.max()) <= asked.reach
        for sign, operation in operations.items():
            chosen = own[:, 1] == IDS[sign]
            assert (operation(left, right) == value)[chosen].all()
            seen += chosen.sum()
        divided = own[:, 1] == IDS["/"]
        assert (value * right == left)[divided].all() and divided.any()
        seen += divided.sum()
    assert seen > 3 * 512 + 2 * 256


@pytest.mark.parametrize(
    ("index", "digest"),
    [
        (0, "b5796d4901e99b2d1e1b5d8c14261302e4005c1bae202227ff1fcc9befa469d2"),
        (700, "e5c9f04cdf26e1a982ac0af7bab4666be0b3e294aca0ce047a789c3322848c55"),
        (5000, "62271c32553b1d7d16239941c616d4ebfdff3e626f4488d4e66fa5ddebd5de97"),
    ],
)
def test_the_first_models_batches_are_those_it_was_trained_on(index, digest):
    assert hashlib.sha256(rows.batch(SMALL, index, 128).astype("<i8").tobytes()).hexdigest() == digest


def test_only_answers_and_results_of_bare_sums_are_masked_in_training():
    held = heldout(SMALL)
    assert held.shape[1] == LENGTH
    assert known(held).equal((torch.arange(LENGTH) < PROMPT).expand(held.shape))
    batch = rows.batch(SMALL, 0, 64)
    for row, kept in zip(batch, rows.known(batch), strict=True):
        shown = ["_" if not k else WORDS[token] for token, k in zip(row, kept, strict=True)]
        assert "_" in shown and "_" not in shown[:3]


@pytest.mark.parametrize("asked", RANGES.values(), ids=RANGES)
def test_a_sum_turns_the_circles_of_periods_and_a_product_those_of_logarithms(asked):
    cos, sin = circles(asked.reach).double().chunk(2, dim=1)
    points = torch.complex(cos, sin)  # [reach, circles]
    of = lambda number: points[number - 1]  # noqa: E731
    count = len(periods(asked.reach))
    turns, logarithms = slice(0, count), slice(count, count + len(octaves(asked.reach)))
    assert torch.allclose((of(17) * of(25))[turns], of(42)[turns], atol=1e-5)
    assert torch.allclose((of(6) * of(7))[logarithms], of(42)[logarithms], atol=1e-5)
    apart = (points[:, None] - points[None]).abs().sum(-1)
    assert apart.fill_diagonal_(9.0).min() > 0.5


# The domain


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("", "Write three numbers"),
        ("3, 5 = 26", "Write three numbers"),
        ("3, 5, 7, 8 = 26", "Write three numbers"),
        ("3.5, 5 = 26", "Whole numbers only"),
        ("-3, 5, 7 = 26", "Whole numbers only"),
        ("3, 5, 77 = 26", "numbers from 1 to 12, got 77"),
        ("3, 5, 7 = 61", "targets from 1 to 60, got 61"),
        ("1, 1, 1 = 60", "No two equations lead from 1, 1 and 1 to 60"),
        ("1, 1, 1 = " + "9" * 100, "must lie between"),
        ("<img src=x>" * 100, "Write three numbers"),
    ],
)
def test_other_prompts_get_one_sentence(prompt, says):
    with pytest.raises(ValueError, match=says):
        domain.parse(SMALL, prompt)


@pytest.mark.parametrize("prompt", ["3, 5, 7 = 26", "3 5 7 -> 26", "[3,5,7]: 26", "using 3, 5 and 7, make 26"])
def test_plain_ways_of_writing_a_problem(prompt):
    assert domain.parse(SMALL, prompt) == Problem((3, 5, 7), 26)


def test_the_wider_range_refuses_what_it_cannot_reach():
    wide = RANGES["countdown-99"]
    assert domain.parse(wide, "44, 2, 54 = 64") == Problem((44, 2, 54), 64)
    for prompt, says in (
        ("44, 2, 100 = 64", "numbers from 1 to 99, got 100"),
        ("44, 2, 54 = 9", "targets from 10 to 100, got 9"),
        ("97, 98, 99 = 50", "from 1 to 199; near it: 49, 96, 97"),
        ("1, 1, 1 = 50", "near it: nothing"),
    ):
        with pytest.raises(ValueError, match=says):
            domain.parse(wide, prompt)


@pytest.mark.parametrize("asked", RANGES.values(), ids=RANGES)
def test_drawn_problems_are_held_out(asked):
    drawn = {countdown.draw(asked, seed) for seed in range(200)}
    assert len(drawn) > 150
    for prompt in drawn:
        problem = domain.parse(asked, prompt)
        assert countdown.is_held_out(str(problem.target))
        assert countdown.is_held_out(",".join(map(str, sorted(problem.numbers))))


# The score


class Oracle(Denoiser):
    """Knows a solution of each problem and writes it, but for a share of answers a wrong last result."""

    mask_id, timed = IDS["<mask>"], False

    def __init__(self, spoilt):
        self.spoilt = spoilt

    def __call__(self, tokens, rows, t):
        wanted = []
        for row in tokens.tolist():
            problem = domain.problem_of([WORDS[token] for token in row])
            way = countdown.solutions(tuple(sorted(problem.numbers)), SMALL.limit)[problem.target][0]
            ids = countdown.row(problem.numbers, problem.target, way)
            if problem.target % self.spoilt == 0:
                ids[-1] = IDS["1"]
            wanted.append(ids)
        sure = one_hot(torch.tensor(wanted), len(WORDS)).double()
        return (sure * 0.98 + 0.02 / len(WORDS)).log()[rows].log_softmax(-1)


def test_the_score_follows_the_answers():
    problems = countdown.test_problems(SMALL)[:60]
    chosen = settings("llada", 11, temperature=0.05)
    found = score(Answers(Oracle(3), chosen, 0, problems, 60)(0, 60).tokens)
    expected = [each.target % 3 != 0 for each in problems]
    assert found.correct.tolist() == expected and 0 < sum(expected) < 60
    assert found.target.sum() == found.equation.sum() == 60 - sum(expected)
    assert found.copied.all()
    assert not score(starts(problems).numpy()).correct.any()


def test_the_likeliest_of_several_answers_is_kept_and_its_calls_are_counted():
    problems = countdown.test_problems(SMALL)[:8]
    chosen = settings("mdlm", 11, nucleus_p=1.0)
    one = [Answers(Oracle(100), chosen, 0, problems * 3, 24)(first, first + 8) for first in (0, 8, 16)]
    best = Answers(Oracle(100), chosen, 0, problems, 8, restarts=3)(0, 8)
    assert (best.forwards == sum(each.forwards for each in one)).all()
    assert score(best.tokens).correct.sum() >= max(score(each.tokens).correct.sum() for each in one)


def test_problems_in_other_orders_do_not_make_the_interval_narrower():
    base = [Problem((1, 2, number), 5) for number in range(3, 13)]
    right = np.array([number % 2 == 0 for number in range(10)])
    once, often = over_problems(right, base), over_problems(np.tile(right, 6), base * 6)
    assert (once.value, once.low, once.high) == pytest.approx((often.value, often.low, often.high))
    assert once.low < 0.5 < once.high


def test_the_interval_over_seeds_is_students():
    found = over_seeds([0.5, 0.6, 0.7])
    assert found.value == pytest.approx(0.6) and found.high - found.value == pytest.approx(4.302653 * 0.1 / 3**0.5)


def test_a_gain_is_counted_problem_by_problem():
    problems = [Problem((1, 2, number), 5) for number in range(3, 13)]
    plain = np.arange(10) < 4
    same, better = (over_problems(own * 1.0 - plain, problems) for own in (plain, np.arange(10) < 6))
    assert (same.value, same.low, same.high) == (0, 0, 0)  # shares alone would leave an interval of 60 points
    assert better.value == pytest.approx(0.2) and better.low == 0 and better.high < 0.6


def test_the_table_has_intervals_over_seeds_or_over_problems():
    usual = {"overrides": "", "steps": "32", "forwards": "10", "fair": "0", "equations": "1", "copied": "1"}
    gains = {"mdlm": dict.fromkeys(("gain", "gain_low", "gain_high"), ""),
             "fb": {"reference": "mdlm", "gain": "0.1", "gain_low": "0.08", "gain_high": "0.12"}}  # fmt: skip
    rows = [
        {"sampler": sampler, "seed": str(seed), "solved": str(solved), "solved_low": str(solved - 0.03),
         "solved_high": str(solved + 0.03), **usual, **gains[sampler]}
        for sampler, all_seeds in (("mdlm", (0.4, 0.5, 0.6)), ("fb", (0.5, 0.6, 0.7)))
        for seed, solved in enumerate(all_seeds)
    ]  # fmt: skip
    mdlm, fb = render(rows).splitlines()[2:]
    assert (
        "50.0% (25.2 to 74.8)" in mdlm
        and "60.0% (35.2 to 84.8)" in fb
        and "+10.0% (+8.0 to +12.0) on mdlm" in fb
        and "+" not in mdlm
    )
    alone = render(rows[:1]).splitlines()[2]
    assert "40.0% (37.0 to 43.0)" in alone  # one seed has no spread: the interval over problems stands


ASKED = countdown.test_problems(SMALL)


def test_a_race_counts_each_sampler_on_the_same_problems_and_stops_within_a_step():
    samplers = {name: settings(name, 6) for name in ("mdlm", "remdm-cap")}
    never = threading.Event()
    *_, last = race(Oracle(3), samplers, ASKED, 30, 2, {}, never)
    expected = sum(each.target % 3 != 0 for each in countdown.test_problems(SMALL)[:30])
    for standing in last.values():
        assert standing.answered == (30, 30) and standing.done == standing.total
        assert max(standing.solved) <= expected and standing.pass1.value == pytest.approx(sum(standing.solved) / 60)
    *_, thrice = race(Oracle(3), samplers, ASKED, 10, 1, {"mdlm": 3}, never)
    *_, once = race(Oracle(3), samplers, ASKED, 10, 1, {}, never)
    assert 2 < thrice["mdlm"].forwards / once["mdlm"].forwards < 4, "three answers, so about three times the calls"
    assert thrice["remdm-cap"] == once["remdm-cap"] and thrice["mdlm"].done == 10
    halt = threading.Event()
    running = race(Oracle(3), samplers, ASKED, 30, 2, {}, halt)
    next(running), next(running)
    halt.set()
    assert list(running) == []
    for chosen, count in (({}, 5), (samplers, 10**6)):
        with pytest.raises(ValueError, match=r"sampler|problems"):
            next(race(Oracle(3), chosen, ASKED, count, 1, {}, never))


# The model that is shipped

SOLVED = 0.3
"""Well below what the card says, so that another machine's rounding does not matter."""


def test_a_run_is_a_trace_that_keeps_its_problem():
    order = RunRequest(domain.DOMAIN, domain.COUNTDOWN, "", LENGTH, settings("remdm-loop", 32), 5, device="cpu")
    trace = record(order)
    problem = domain.parse(SMALL, trace.run["prompt"])
    question, written = trace.text.split("\n")
    numbers = ", ".join(map(str, problem.numbers))
    assert question == f"Question: Using the numbers [{numbers}], create an equation that equals {problem.target}."
    assert written.startswith("Answer: ") and "<" not in written
    words = [WORDS[token] for token in trace.final]
    assert judge(written.removeprefix("Answer: "), problem.numbers, problem.target).correct == (
        domain.verdict(named(words, WORDS)).correct
    )
    assert any(each.remasked for each in trace.steps)


def test_the_model_solves_a_fair_share_of_held_out_problems():
    problems = countdown.test_problems(SMALL)[:80]
    denoiser = domain.COUNTDOWN.load(compute("cpu")).denoiser
    found = score(Answers(denoiser, settings("llada", 11), 0, problems, 80)(0, 80).tokens)
    assert found.correct.mean() > SOLVED and found.copied.mean() > 0.85


def test_the_command_goes_on_where_it_stopped_and_prints_its_table(tmp_path, capsys):
    asked = ["evaluate", "countdown", "--samplers", "mdlm", "remdm-cap", "--steps", "4", "--seeds", "0", "1"]
    where = ["--problems", "6", "--out", str(tmp_path)]
    main([*asked, *where, "--set", "remdm-cap:eta=0.2"])
    first = capsys.readouterr().out
    assert first.count("| mdlm | 4 |") == 1 and first.count("| remdm-cap eta=0.2 | 4 |") == 1
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert len(kept) == 4
    main([*asked, *where, "--set", "remdm-cap:eta=0.2"])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")} == kept
    assert capsys.readouterr().out == first
    with pytest.raises(SystemExit):
        main([*asked, "--problems", "100000", "--out", str(tmp_path)])
    assert "problems must be at most" in capsys.readouterr().err


def test_the_table_leaves_out_rows_of_former_weights(tmp_path, capsys):
    head, *rows = (ASSETS / "results" / "countdown.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    _, model, _, *rest = rows[0].split(",")
    former = ",".join(("countdown", model, "f00d", *rest))
    printed = []
    for folder, kept in (("alone", rows), ("both", [former, *rows])):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "countdown.csv").write_text("".join((head, *kept)), encoding="utf-8")
        main(["evaluate", "countdown", "--table", "--out", str(tmp_path / folder)])
        printed.append(capsys.readouterr().out.partition("Printed by")[0])
    assert printed[0] == printed[1] and "| mdlm | 11 |" in printed[0]
