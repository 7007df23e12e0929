"""What one request may cost, and what a visitor may make a server do: one table, a row for each kind of use.

A command and the library are somebody's own and have no bounds; a page on one's own machine has bounds against
mistakes; a page that others can reach (`PUBLIC`) must stay alive for all of them. `serve` chooses the row.
"""

import ipaddress
import math
import os
from dataclasses import dataclass, replace

MODELS = "REMDM_MODELS"
"""The environment variable that names a folder whose models may be named on a public page."""


@dataclass(frozen=True)
class Limits:
    """A row of the table.

    Attributes:
        name: of the row.
        work: multiplications of one request's network evaluations: weights x positions x steps x samples; 200 times as
            many on a GPU.
        held: bytes of memory that the runs of one click, or an opened file, may take.
        sessions: whose state is kept; the one that came first gives way.
        any_model: whether any hub id or folder may be named, or only what is listed or below REMDM_MODELS.
        downloads: bytes that all downloaded models may take on disk.
        upload: bytes of one file.
    """

    name: str
    work: float = math.inf
    held: float = math.inf
    sessions: int = 1000
    any_model: bool = True
    downloads: float = math.inf
    upload: int = 32 << 20


COMMAND = Limits("command line")
PAGE = Limits("page", work=1e16, held=1 << 30, sessions=200)
PUBLIC = Limits("public page", work=5e13, held=48 << 20, sessions=100, any_model=False, downloads=40e9)
ON_GPU = 200
"""How much more a GPU may be asked for than a CPU."""

_row = COMMAND


def current() -> Limits:
    """The row that this process goes by."""
    return _row


def serve(host: str) -> Limits:
    """Choose the row of a page that listens at `host`: see `public`; REMDM_DISK replaces the bound on downloads, in GB.

    Raises:
        ValueError: for a variable that says neither yes nor no, or no number.
    """
    global _row
    _row = PUBLIC if public(host) else PAGE
    disk = os.environ.get("REMDM_DISK", "")
    if disk:
        try:
            _row = replace(_row, downloads=float(disk) * 1e9)
        except ValueError:
            raise ValueError(f"REMDM_DISK must be a number of gigabytes, got {disk[:40]}") from None
    return _row


def public(host: str) -> bool:
    """Whether strangers are expected: what REMDM_PUBLIC says, else on a Space and wherever others can reach `host`.

    Raises:
        ValueError: if REMDM_PUBLIC is neither 0 nor 1.
    """
    chosen = os.environ.get("REMDM_PUBLIC", "")
    if chosen not in ("", "0", "1"):
        raise ValueError(f"REMDM_PUBLIC must be 0 or 1, got {chosen[:40]}")
    return chosen == "1" if chosen else bool(os.environ.get("SPACE_ID")) or not _is_loopback(host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # another name, which may be anybody's
        return False


def afford(work: float, on_gpu: bool = False) -> None:
    """Refuse a request that asks for more network evaluations than one may.

    Args:
        work: weights x positions x steps x samples.
        on_gpu: whether a GPU does it.

    Raises:
        ValueError: with how many times too much it is.
    """
    allowed = current().work * (ON_GPU if on_gpu else 1)
    if work > allowed:
        raise ValueError(
            f"This asks for {work / allowed:.1f} times as much as this server computes for one request (weights x "
            "positions x steps x samples): take fewer steps or samples, or a smaller model"
        )


def hold(size: float) -> None:
    """Refuse runs that have come to take more memory than those of one click may.

    Raises:
        ValueError: with the most.
    """
    if size > current().held:
        raise ValueError(
            f"These runs take more than the {current().held / 1e6:.0f} MB of memory that this server keeps for one "
            "request: take fewer steps or samples, or remask less"
        )
