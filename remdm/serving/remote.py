"""Runs made by replicas behind one address, over HTTP; a run whose replica is lost goes on at another one.

With some of its steps a replica says where the run stands. If the connection ends before the run does, or nothing is
heard for a while, the run is asked for anew from there: the steps that follow are those that would have followed.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import torch

from remdm.models.network import Compute
from remdm.runs.branch import Pane, side_by_side
from remdm.runs.record import Batch, PreparedRun, Row, TimedFrame, prepare
from remdm.runs.request import RunRequest
from remdm.serving import wire

ADDRESS = "http://127.0.0.1:8000"
"""Where `remdm serve` answers unless it is told otherwise."""
SILENCE = 20.0
"""Seconds without a word from a replica, which says something every `replica.BEAT`, until it is given up."""
PATIENCE = 60.0
"""Seconds that a run which has begun waits for a replica to go on with; Serve starts a lost one anew meanwhile."""
FIRST_PATIENCE = 5.0
"""Seconds that one waits for an answer at all before anything has begun."""
PAUSE = 0.2
"""Seconds between two tries."""
MOST_LOST = 3
"""Replicas that are lost one after the other at the same step: it is the run that ends them."""
BUSY = 503


class Remote:
    """The replicas behind an address."""

    visitors = 64

    def __init__(self, address: str = ADDRESS) -> None:
        """`address` as in http://127.0.0.1:8000.

        Raises:
            ValueError: for anything else.
        """
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"The engine's address must be one such as {ADDRESS}, got {address[:200]}")
        self.address = address.rstrip("/")

    def prepare(self, request: RunRequest) -> PreparedRun:
        """See `Engine`. The page has a copy of the model for its words alone; where it runs is the replicas' to say.

        Of a model that is split over several devices there the page has no weights.
        """
        where = self._compute(request.device)
        words = replace(where, device=torch.device("meta")) if where.devices > 1 else None
        here = prepare(replace(request, device="auto"), words)
        checkpoint = replace(here.checkpoint, compute=where)
        return replace(here, request=replace(here.request, device=request.device), checkpoint=checkpoint)

    def rows(self, batch: Batch) -> Iterator[Row]:
        """See `Engine`.

        Raises:
            ValueError: what the replica refuses, and where no replica answers any more.
        """
        heard, patience, content = time.monotonic(), FIRST_PATIENCE, wire.batch_json(batch)
        seen = lost = 0  # rows since the place in `content`; replicas that were lost since the last row
        while True:
            ahead, begun = seen, False
            why: OSError
            try:
                for reply in self._replies("run", content):
                    heard, patience, begun = time.monotonic(), PATIENCE, begun or "begun" in reply
                    if "row" in reply and ahead:  # the page has it already
                        ahead -= 1
                    elif "row" in reply:
                        yield wire.row_of(reply["row"], batch.runs)
                        heard, seen, lost = time.monotonic(), seen + 1, 0
                        if reply["at"] is not None:
                            content, seen = {**content, "at": reply["at"]}, 0
                return
            except _NotNow as error:
                patience, why = PATIENCE, error
            except OSError as error:
                why = error
                lost += begun
            if lost >= MOST_LOST:
                raise ValueError(f"{lost} replicas were lost at the same step of this run ({why})") from why
            if time.monotonic() - heard > patience:
                raise self._gone(why) from why
            time.sleep(PAUSE)

    def side_by_side(self, panes: Sequence[Pane]) -> Iterator[tuple[int, TimedFrame | None]]:
        """See `Engine`."""
        return side_by_side(panes, self.rows)

    def _compute(self, device: str) -> Compute:
        """The device and the number type that the replicas use where this device is asked for."""
        begun = time.monotonic()
        while True:
            try:
                return wire.compute_of(next(self._replies(f"compute?{urlencode({'device': device})}"), None))
            except OSError as error:
                if time.monotonic() - begun > (PATIENCE if isinstance(error, _NotNow) else FIRST_PATIENCE):
                    raise self._gone(error) from error
                time.sleep(PAUSE)

    def _gone(self, why: OSError) -> ValueError:
        if isinstance(why, _NotNow) and why.busy:
            return ValueError(f"{why}; try again in a minute")
        return ValueError(f"No replica answers at {self.address} ({why}): start some with `remdm serve`")

    def _replies(self, what: str, content: Any = None) -> Iterator[dict[str, Any]]:
        """What a replica says, line by line, up to its end.

        Raises:
            OSError: if the connection ends before that. ValueError: what the replica refuses.
        """
        headers = {"Content-Type": "application/json"}
        if content:  # the replicas that have this model loaded are asked first
            headers["serve-multiplexed-model-id"] = wire.model_id(content)
        body = None if content is None else json.dumps(content, separators=(",", ":")).encode()
        try:
            with urlopen(Request(f"{self.address}/{what}", body, headers), timeout=SILENCE) as answer:
                for line in answer:
                    reply = _read(line)
                    if "error" in reply:
                        raise ValueError(reply["error"])
                    if "end" in reply:
                        return
                    yield reply
        except HTTPError as error:
            raise _refusal(error) from error
        except HTTPException as error:
            raise ConnectionError("the connection was cut off") from error
        if content is not None:
            raise ConnectionError("the connection was cut off")


def _read(line: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError) as error:
        raise ConnectionError("the connection was cut off within a line") from error


class _NotNow(OSError):
    """Whatever answers has no replica for this now; `busy`: there are some, but others are being served."""

    def __init__(self, why: str, busy: bool) -> None:
        super().__init__(why)
        self.busy = busy


def _refusal(error: HTTPError) -> Exception:
    """What an answer other than 200 means: a replica's own says why, a proxy's that it has no replica."""
    try:
        why = str(json.loads(error.read())["error"])
    except (ValueError, KeyError, TypeError, OSError, HTTPException):
        return _NotNow(f"HTTP status {error.code}", busy=False)
    return _NotNow(why, busy=True) if error.code == BUSY else ValueError(why)
