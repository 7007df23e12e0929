"""`remdm serve`: what it refuses in one sentence, and the file that declares the same deployment."""

import sys

import pytest
import yaml

from remdm.cli import main, serve
from remdm.cli.serve import Options


def refused(capsys, *flags):
    with pytest.raises(SystemExit):
        main(["serve", *flags])
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_without_ray_there_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert refused(capsys).endswith("remdm serve needs ray, not installed here: run `pip install 'ray[serve]>=2.50'`")


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--replicas", "0"), "replicas must lie between 1 and 1000, got 0"),
        (("--replicas", "3", "--most", "2"), "most must be at least replicas, 3, got 2"),
        (("--models", "x"), "models must be a whole number, got x"),
        (("--cpus", "0"), "cpus must lie between 0.1 and 1000, got 0.0"),
    ],
)
def test_invalid_flags_are_one_sentence(capsys, flags, why):
    assert why in refused(capsys, *flags)


def test_the_config_file_declares_what_the_command_would_start(tmp_path, capsys):
    file = tmp_path / "remdm.yaml"
    main(["serve", "--replicas", "2", "--most", "6", "--gpus", "1", "--port", "8123", "--config", str(file)])
    assert f"serve deploy {file}" in capsys.readouterr().out
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    (application,) = written["applications"]
    assert application["import_path"] == f"{serve.__name__}:application" and callable(serve.application)
    options = Options(**application["args"])
    assert options == Options(replicas=2, most=6, gpus=1.0)
    (deployment,) = application["deployments"]
    assert deployment == {"name": "Models", **options.deployment}
    assert deployment["autoscaling_config"]["max_replicas"] == 6 and deployment["ray_actor_options"]["num_gpus"] == 1
    assert written["http_options"] == {"host": "127.0.0.1", "port": 8123}


def test_as_many_at_most_as_there_are_are_not_scaled():
    assert Options(replicas=2, most=2).deployment["num_replicas"] == 2
    assert "autoscaling_config" not in Options(replicas=2, most=2).deployment


def test_what_a_replica_holds_gives_way(monkeypatch):
    dropped = []
    monkeypatch.setattr(serve.MODEL_CACHE, "drop", dropped.append)
    held = serve.Held("text|stories|cpu")
    assert held.name == "stories"
    held.__del__()
    assert dropped == ["stories"]
    with pytest.raises(ValueError, match="domain must be one of"):
        serve.Held("poems|stories|cpu")


def test_replicas_that_have_no_room_are_refused_before_they_are_waited_for():
    serve._ensure_room(Options(replicas=2, most=2), {"CPU": 2.0})
    with pytest.raises(ValueError, match="3 replicas with 1 CPUs each need 3, and this machine has 2"):
        serve._ensure_room(Options(replicas=3, most=3), {"CPU": 2.0})
    with pytest.raises(ValueError, match="1 replicas with 1 GPUs each need 1, and this machine has 0"):
        serve._ensure_room(Options(gpus=1.0), {"CPU": 2.0})
