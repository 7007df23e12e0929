"""Which row of limits a page goes by, and what it refuses."""

import math
from dataclasses import fields

import pytest

from remdm import limits
from remdm.limits import COMMAND, PAGE, PUBLIC, afford, serve


@pytest.fixture(autouse=True)
def untouched(monkeypatch):
    for name in ("REMDM_PUBLIC", "REMDM_DISK", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(limits, "_row", COMMAND)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "192.168.0.7", "example.org", ""])
def test_a_page_that_others_can_reach_is_public(host, monkeypatch):
    assert serve(host) is PUBLIC and limits.current() is PUBLIC
    monkeypatch.setenv("REMDM_PUBLIC", "0")
    assert serve(host) is PAGE


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_a_page_of_ones_own_is_not(host, monkeypatch):
    assert serve(host) is PAGE
    monkeypatch.setenv("REMDM_PUBLIC", "1")
    assert serve(host) is PUBLIC
    monkeypatch.delenv("REMDM_PUBLIC")
    monkeypatch.setenv("SPACE_ID", "some/space")
    assert serve(host) is PUBLIC, "a Space may be served through a proxy on the same machine"


@pytest.mark.parametrize("name, value", [("REMDM_PUBLIC", "yes"), ("REMDM_DISK", "much"), ("REMDM_DISK", "x" * 10_000)])
def test_settings_that_say_nothing_are_one_sentence(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"{name} must be") as caught:
        serve("0.0.0.0")
    assert len(str(caught.value)) < 120


def test_the_disk_for_downloads_can_be_chosen(monkeypatch):
    monkeypatch.setenv("REMDM_DISK", "2.5")
    assert serve("0.0.0.0").downloads == 2.5e9


def test_a_stranger_may_never_do_more_than_the_owner():
    for each in fields(limits.Limits):
        if each.name != "name":
            assert getattr(PUBLIC, each.name) <= getattr(PAGE, each.name), each.name
    assert PAGE.work < COMMAND.work == math.inf


def test_what_costs_too_much_is_refused_with_how_much(monkeypatch):
    afford(1e30)
    monkeypatch.setattr(limits, "_row", PUBLIC)
    afford(PUBLIC.work)
    afford(limits.ON_GPU * PUBLIC.work, on_gpu=True)
    with pytest.raises(ValueError, match="This asks for 3.0 times as much as this server computes"):
        afford(3 * PUBLIC.work)
