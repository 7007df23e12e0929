"""Runs made by replicas: the trace of a run made here, byte for byte, whatever happens to the replicas meanwhile."""

import threading
import urllib.request
from dataclasses import replace

import pytest
from replicas import Failing, app, replica, served
from starlette.responses import PlainTextResponse

from remdm import limits
from remdm.cli import main
from remdm.domains.registry import DOMAINS
from remdm.runs.branch import BranchRequest, pane, pane_trace
from remdm.runs.record import Batch, record, together
from remdm.runs.request import RunRequest
from remdm.runs.trace_file import dumps
from remdm.sampling.methods import settings
from remdm.serving import remote
from remdm.serving import replica as replicas
from remdm.serving.engine import Local, chosen, from_environment
from remdm.serving.remote import Remote

TEXT, IMAGE, MOLECULE = DOMAINS["text"], DOMAINS["image"], DOMAINS["molecule"]


def order(sampler="remdm-conf", steps=12, domain=TEXT, **more):
    model = domain.models[0]
    return RunRequest(domain, model, more.pop("prompt", ""), model.length, settings(sampler, steps), 7, **more)


@pytest.fixture(scope="module")
def address():
    with replica() as made:
        yield made


@pytest.fixture(scope="module")
def engine(address):
    return Remote(address)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Nobody waits long in a test."""
    for name, seconds in {"PAUSE": 0.01, "FIRST_PATIENCE": 0.1, "PATIENCE": 0.5}.items():
        monkeypatch.setattr(remote, name, seconds)


def trace_by(engine, request):
    return dumps(record(engine.prepare(request), engine.rows))


@pytest.mark.parametrize(
    "request_",
    [
        order(prompt="Rosa sat. ..."), order("remdm-loop", watch=False), order("llada", coupled=True, drafts=True),
        order("eb", 12), order("remdm-cap", 6, IMAGE), order("remdm-cap", 8, MOLECULE), order("mdlm", index=3),
    ],
    ids=lambda each: f"{each.domain.name}-{each.settings.sampler}",
)  # fmt: skip
def test_the_trace_is_that_of_a_run_made_here(engine, request_):
    assert trace_by(engine, request_) == dumps(record(request_))


def test_so_is_each_of_a_batch(engine):
    orders = [replace(order("remdm-loop", 6, IMAGE), index=index) for index in range(2)]
    batch = together(orders)
    rows = list(engine.rows(batch))
    here = list(batch.steps())
    for place, run in enumerate(batch.runs):
        made, own = ([row[place].frame for row in each] for each in (rows, here))
        assert dumps(run.trace(made)) == dumps(run.trace(own))
    assert [[each.issues for each in row] for row in rows] == [[each.issues for each in row] for row in here]


def test_so_are_runs_side_by_side_that_go_on_from_a_step(engine):
    trace = record(order("remdm-loop", 12, coupled=True, drafts=True))
    asked = [
        BranchRequest(order("remdm-loop", 12, drafts=True), trace=trace, step=5),
        BranchRequest(order("remdm-conf", 12), limit=4),
    ]

    def traces(engine):
        panes = [pane(each, engine.prepare) for each in asked]
        frames = [[], []]
        for which, timed in engine.side_by_side(panes):
            frames[which] += [timed.frame] if timed else []
        return [dumps(pane_trace(each, made)) for each, made in zip(panes, frames, strict=True)]

    assert traces(engine) == traces(Local())


@pytest.mark.parametrize(
    ("sampler", "cuts"),
    [("remdm-conf", [9000, 20_000, 500, 20_000]), ("mdlm", [10]), ("eb", [20_000]), ("remdm-loop", [30_000, 15_000])],
)
def test_a_run_whose_replicas_are_lost_is_the_same(address, sampler, cuts):
    """Cut off anywhere: within its head, within a line, again and again; each time it goes on from where it stood."""
    request, failing = order(sampler, 24), Failing(address, list(cuts))
    with failing as through:
        assert trace_by(Remote(through), request) == dumps(record(request))
    assert failing.asked == 1 + len(cuts) and not failing.cuts


def test_nothing_that_was_shown_is_shown_again(address):
    """Nor is a batch taken up from its start where it stood further on."""
    batch = together([replace(order("remdm-loop", 8, IMAGE), index=index) for index in range(2)])
    failing = Failing(address, [40_000, 20_000])
    with failing as through:
        rows = list(Remote(through).rows(batch))
    assert len(rows) == len(list(batch.steps())) and failing.asked == 3


def test_a_run_that_ends_every_replica_is_given_up(address):
    with Failing(address, [5000] * 20) as through, pytest.raises(ValueError, match="3 replicas were lost at the same"):
        trace_by(Remote(through), order(steps=400))


def test_where_nobody_answers_there_is_one_sentence():
    with pytest.raises(
        ValueError, match=r"No replica answers at http://127.0.0.1:9 \(.*\): start some with `remdm serve`"
    ):
        Remote("http://127.0.0.1:9").prepare(order())
    with pytest.raises(ValueError, match="The engine's address must be one such as http://127.0.0.1:8000, got ftp:"):
        Remote("ftp://somewhere")


def test_so_there_is_where_the_head_goes_away_in_a_run():
    """The steps before it have been shown, and stay."""
    with replica() as going:
        engine = Remote(going)
        prepared = engine.prepare(order(steps=400))
        rows = engine.rows(Batch((prepared,)))
        shown = [next(rows) for _ in range(3)]
    with pytest.raises(ValueError, match="No replica answers at"):
        list(rows)
    assert len(shown) == 3


def test_a_proxy_without_replicas_is_waited_for():
    asked = []

    async def answer(request):
        asked.append(request)
        return PlainTextResponse("no server is available", 500)

    with served(app(answer)) as address, pytest.raises(ValueError, match="HTTP status 500"):
        Remote(address).prepare(order())
    assert len(asked) > 3


def test_what_a_replica_refuses_is_said_as_it_is(engine, address):
    prepared = engine.prepare(order())
    other = replace(prepared, checkpoint=replace(prepared.checkpoint, compute=replace(
        prepared.checkpoint.compute, card="another")))  # fmt: skip
    with pytest.raises(ValueError, match="The replicas differ"):
        list(engine.rows(Batch((other,))))
    with pytest.raises(ValueError, match="device must be one of"):
        engine.prepare(order(device="abacus"))
    unknown = replace(prepared, start=(10**6, *prepared.start[1:]))
    with pytest.raises(ValueError, match="not a token of this model"):
        list(engine.rows(Batch((unknown,))))
    for path, body, status in (("elsewhere", None, 404), ("run", b"[]", 422), ("run", b"{", 422)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}/{path}", body)
        assert refused.value.code == status
    with pytest.raises(ValueError, match="The engine reads requests of version 1"):
        list(engine._replies("run", {"domain": "text"}))


def test_no_request_may_ask_for_more_than_its_row_of_the_table(engine, monkeypatch):
    monkeypatch.setattr(limits, "_row", replace(limits.PUBLIC, work=1e6))
    with pytest.raises(ValueError, match="times as much as this server computes for one request"):
        trace_by(engine, order())


def test_who_comes_to_a_full_replica_waits_and_is_told_when_it_takes_too_long():
    with replica(visitors=1, waiting=0) as full:
        engine = Remote(full)
        long, short = engine.prepare(order(steps=400)), engine.prepare(order(steps=2))
        rows = engine.rows(Batch((long,)))
        next(rows)
        with pytest.raises(ValueError, match="1 runs wait at each replica already; try again in a minute"):
            list(engine.rows(Batch((short,))))
        rows.close()
        assert len(list(engine.rows(Batch((short,))))) >= 2, "whoever leaves makes room"


def test_who_waits_for_a_turn_is_not_given_up(monkeypatch):
    monkeypatch.setattr(replicas, "BEAT", 0.1)
    monkeypatch.setattr(remote, "SILENCE", 1.0)
    with replica(visitors=1) as busy:
        engine = Remote(busy)
        prepared = engine.prepare(order(steps=64))
        made = [None] * 3

        def visit(place):
            made[place] = len(list(engine.rows(Batch((prepared,)))))

        threads = [threading.Thread(target=visit, args=(place,)) for place in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert made == [made[0]] * 3 and made[0] >= 64


def test_a_replica_that_falls_silent_is_left(monkeypatch, address):
    """It answers, and then says nothing more; the next one is asked."""
    monkeypatch.setattr(remote, "SILENCE", 1.0)
    monkeypatch.setattr(remote, "FIRST_PATIENCE", 60.0)
    asked = []

    class Silent(Failing):
        def _serve(self, here):
            if not asked:
                asked.append(here)  # and never a word
                return
            super()._serve(here)

    request = order(steps=4)
    prepared = Remote(address).prepare(request)
    with Silent(address, []) as through:
        frames = [timed.frame for timed in prepared.steps(Remote(through).rows)]
    assert dumps(prepared.trace(frames)) == dumps(record(request)) and asked


def test_the_environment_names_the_engine(monkeypatch):
    monkeypatch.delenv("REMDM_ENGINE", raising=False)
    assert isinstance(chosen(*from_environment()), Local)
    monkeypatch.setenv("REMDM_ENGINE", "ray")
    monkeypatch.setenv("REMDM_ADDRESS", "http://10.0.0.5:8000/")
    made = chosen(*from_environment())
    assert isinstance(made, Remote) and made.address == "http://10.0.0.5:8000"
    monkeypatch.setenv("REMDM_ENGINE", "steam")
    with pytest.raises(ValueError, match="engine must be one of local, ray, got steam"):
        chosen(*from_environment())


def test_the_command_writes_the_same_file_with_either_engine(address, tmp_path, capsys):
    asked = ["sample", "text", "--sampler", "remdm-cap", "--steps", "8", "--seed", "7", "--out"]
    main([*asked, str(tmp_path / "here.json")])
    main([*asked, str(tmp_path / "there.json"), "--engine", "ray", "--address", address])
    assert (tmp_path / "here.json").read_bytes() == (tmp_path / "there.json").read_bytes()
    with pytest.raises(SystemExit):
        main([*asked, str(tmp_path / "none.json"), "--engine", "ray", "--address", "http://127.0.0.1:9"])
    assert "No replica answers at http://127.0.0.1:9" in capsys.readouterr().err
    assert not (tmp_path / "none.json").exists()
