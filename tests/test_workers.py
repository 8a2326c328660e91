"""Tests side by side: what shares a set-up stays with one worker, what takes long is begun first, cores are shared."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

TESTS = """\
import os
import numpy
import pytest
from threadpoolctl import threadpool_info

{mark}
@pytest.mark.parametrize("number", {cases})
def test_of_{name}(number):
    share = max(1, os.cpu_count() // 2)
    assert all(pool["num_threads"] <= share for pool in threadpool_info()), "threads of products wait for one another"
"""
FILES = {
    "quick": {"mark": "", "cases": list(range(6))},
    "chapters": {
        "mark": "",
        "cases": "[pytest.param(n, marks=pytest.mark.xdist_group(f'chapter-{n // 3}')) for n in range(6)]",
    },
    "long": {"mark": "@pytest.mark.slow", "cases": list(range(2))},
}


@pytest.fixture(scope="module")
def order(tmp_path_factory):
    """Worker and test, such as ("gw0", "chapters[0]"), in the order in which they were run by `make test`'s command."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for name, parts in FILES.items():
        (folder / f"test_{name}.py").write_text(TESTS.format(name=name, **parts))
    (options,) = re.findall(r"-m pytest -n \$\(WORKERS\) (.+) \$\(PYTEST_ARGS\)", (ROOT / "Makefile").read_text())
    ours = ("PYTEST_", "OPENBLAS_")  # what this run of pytest has set is not inherited
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-n",
        "2",
        *options.split(),
        *(f"test_{name}.py" for name in FILES),
    ]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return re.findall(r"^\[(gw\d)\].* PASSED \S+::test_of_(\w+\[\d\])", done.stdout, re.MULTILINE)


GROUPS = {
    "a file": [f"quick[{n}]" for n in range(6)],
    "one chapter": [f"chapters[{n}]" for n in (0, 1, 2)],
    "another chapter": [f"chapters[{n}]" for n in (3, 4, 5)],
}


@pytest.mark.parametrize("group", GROUPS)
def test_what_shares_a_set_up_stays_with_one_worker(order, group):
    assert len({worker for worker, test in order if test in GROUPS[group]}) == 1, order


def test_each_test_is_run_once(order):
    assert sorted(test for _, test in order) == sorted(
        [*(f"quick[{n}]" for n in range(6)), *(f"chapters[{n}]" for n in range(6)), "long[0]", "long[1]"]
    )


def test_what_takes_long_is_begun_first(order):
    worker = next(worker for worker, test in order if test == "long[0]")
    assert [test for one, test in order if one == worker][:2] == ["long[0]", "long[1]"]
