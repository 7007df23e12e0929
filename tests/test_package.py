"""What pip installs: the package, the command, the embedded models and the page's files; nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent


def test_the_wheel_has_all_that_the_package_reads_and_nothing_else():
    packed = {file.distribution_path: Path(file.path) for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    names = [*ROOT.glob("checkpoints/*/*"), *ROOT.glob("assets/**/*")]
    files = [path.relative_to(ROOT).as_posix() for path in names if path.is_file() and path.suffix != ".png"]
    data = {f"remdm/{name}" for name in files if not name.startswith("assets/results/samples/")}
    code = {path.relative_to(ROOT).as_posix() for end in ("py", "txt") for path in ROOT.glob(f"remdm/**/*.{end}")}
    assert data | code == packed.keys()
    assert sum(path.stat().st_size for path in packed.values()) < 66 * 10**6


@pytest.mark.slow
def test_an_installed_package_runs_away_from_the_repository(tmp_path):
    target = tmp_path / "site"
    flags = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *flags, str(ROOT)], check=True, timeout=300)
    env = {**os.environ, "PYTHONPATH": str(target)}

    def printed(*command):
        return subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, encoding="utf-8", check=True, timeout=300
        ).stdout

    where = printed(sys.executable, "-c", "from remdm import paths; print(paths.ASSETS, paths.CHECKPOINTS)")
    assert where.split() == [str(target / "remdm" / name) for name in ("assets", "checkpoints")]
    assert printed(str(target / "bin" / "remdm"), "sample", "molecule", "--steps", "2", "--sampler", "mdlm").strip()
