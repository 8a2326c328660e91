"""What the repository promises to whoever installs it: quick imports, one direction of imports, exact locks."""

import ast
import doctest
import functools
import importlib
import inspect
import logging
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import course_utils
from course_utils.packages import package_of

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "course_utils"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PYTHONS = ["3.11", "3.12", "3.13"]

# ----------------------------------------------------------------------------------------------------------- imports


def python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


FRAMEWORKS = {"keras", "tensorflow", "jax", "torch"}
LARGE = FRAMEWORKS | {"matplotlib", "seaborn", "sklearn", "pandas", "numpy", "typer"}
WITHOUT_FRAMEWORK = [
    "datasets", "checks", "authoring", "arithmetic", "experiments", "explain", "models", "nn", "projects",
]  # fmt: skip


@pytest.fixture(scope="module")
def loaded():
    """What the package, named "", and then each part is the first to load, in one process that asks for all of them."""
    code = f"""
import sys, course_utils
print(*sys.modules)
for name in {WITHOUT_FRAMEWORK}:
    before = set(sys.modules)
    getattr(course_utils, name)
    print(*sys.modules.keys() - before)
"""
    return dict(zip(["", *WITHOUT_FRAMEWORK], map(set, map(str.split, python(code).splitlines())), strict=True))


def test_importing_the_package_loads_none_of_the_large_libraries(loaded):
    assert not loaded[""] & LARGE


@pytest.mark.parametrize("name", WITHOUT_FRAMEWORK)
def test_what_needs_no_framework_loads_none(loaded, name):
    assert not loaded[name] & FRAMEWORKS


def test_importing_the_package_costs_less_than_importing_numpy():
    """CPU seconds, the least of three: other programs on the machine only ever add to it."""
    code = """
import time
for name in ("course_utils", "numpy"):
    start = time.process_time()
    __import__(name)
    print(time.process_time() - start)
"""
    ours, numpys = zip(*(map(float, python(code).split()) for _ in range(3)), strict=True)
    assert min(ours) < min(numpys)


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="only Linux tells classes of processes apart")
def test_what_trains_does_not_push_aside_the_thread_that_wakes_it():
    """Otherwise an epoch may wait as long again for a thread of tf.data that has missed its end."""
    ask = (
        "import os; os.sched_setscheduler(0, {}, os.sched_param(0)); "
        "import course_utils; print(os.sched_getscheduler(0))"
    )
    assert python(ask.format(os.SCHED_OTHER)).split() == [str(os.SCHED_BATCH)]
    assert python(ask.format(os.SCHED_IDLE)).split() == [str(os.SCHED_IDLE)]  # who chose another keeps it


def test_every_public_name_is_found_on_first_use():
    missing = [name for name in course_utils.__all__ if not hasattr(course_utils, name)]
    assert not missing


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(AttributeError, match="has no attribute 'laod'; it has .*load"):
        _ = course_utils.laod


# ---------------------------------------------------------------------------------------------------------- layering

# What each part may import of the others: the table of the design, read downwards. `training` holds the runs that
# chapters repeat, between models and plots.
PUBLIC = {
    "arithmetic",
    "backends",
    "budget",
    "datasets",
    "evaluation",
    "experiments",
    "explain",
    "feeding",
    "models",
    "nn",
    "plots",
    "projects",
    "training",
}
MAY_IMPORT = {
    "cli": {"authoring", "checks", "doctor", "packages", *PUBLIC},
    "doctor": {"authoring", "packages", *PUBLIC},
    "authoring": {"backends", "budget", "packages"},
    "backends": set(),
    "checks": PUBLIC,
    "experiments": {"budget", "datasets", "evaluation", "models"},
    "explain": {"arithmetic", "evaluation"},
    "feeding": set(),
    "models": {"datasets", "packages"},
    "plots": {"arithmetic", "evaluation"},
    "projects": {"datasets", "evaluation", "explain", "feeding", "models", "plots"},
    "training": {"budget"},
    "evaluation": {"arithmetic"},
    "nn": set(),
    "arithmetic": set(),
    "datasets": {"budget"},
    "budget": set(),
    "packages": set(),
}
# Third-party libraries that a part may not touch: what the table allows is what it is for.
LIBRARIES = {
    "budget": {"keras"},
    "arithmetic": {"keras", "numpy"},
    "datasets": {"numpy", "PIL", "pooch", "requests", "scipy", "sklearn", "tqdm"},
    "evaluation": {"numpy", "pandas", "scipy", "sklearn"},
    "nn": {"numpy"},
}


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@functools.cache
def imports_of(path):
    """(course part or None, library or None) of every import in a file, those inside functions too."""
    found = []
    package = ["course_utils", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            found.append((rest[0] if rest else "", None) if first == "course_utils" else (None, first))
    return found


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_only_point_down_the_table(path):
    part = part_of(path)
    assert part in MAY_IMPORT, f"{part} has no place in the order of modules: give it one, here and in the design"
    used = {course for course, _ in imports_of(path) if course} & MAY_IMPORT.keys() - {part}
    assert used <= MAY_IMPORT[part], f"{path.name} imports {used - MAY_IMPORT[part]}"


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if part_of(path) in LIBRARIES],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_a_module_uses_the_libraries_it_is_about(path):
    used = {library for _, library in imports_of(path) if library} - sys.stdlib_module_names
    assert used <= LIBRARIES[part_of(path)], f"{path.name} imports {used - LIBRARIES[part_of(path)]}"


def test_every_library_that_is_imported_is_a_dependency():
    declared = [
        *PROJECT["dependencies"],
        *(one for extra in PROJECT["optional-dependencies"].values() for one in extra),
    ]
    # IPython and jupyter_client come with ipykernel, requests with pooch, cycler with matplotlib.
    allowed = {Requirement(one).name for one in declared} | {"ipython", "jupyter_client", "requests", "cycler"}
    libraries = {library for path in SOURCES for _, library in imports_of(path) if library} - sys.stdlib_module_names
    used = {package_of(library) for library in libraries}  # what a message would advise to install
    assert used <= allowed, used - allowed


# ------------------------------------------------------------------------------------------------------ documentation


def public_names():
    for name in (*course_utils._MODULES, "budget"):
        module = importlib.import_module(f"course_utils.{name}")
        for attribute in getattr(module, "__all__", course_utils.__all__):
            if not hasattr(module, attribute):
                continue
            value = getattr(module, attribute)
            if callable(value) and getattr(value, "__module__", "").startswith(f"course_utils.{name}"):
                yield pytest.param(value, id=f"{name}.{attribute}")


@pytest.mark.parametrize("value", list(public_names()))
def test_every_public_name_is_documented_and_every_function_has_an_example(value):
    text = inspect.getdoc(value) or ""
    assert text, "no docstring"
    if not inspect.isclass(value):  # what a function returns is seen in its example
        assert doctest.DocTestParser().get_examples(text), "no example"


def test_every_module_says_what_it_is_for():
    silent = [
        module.name
        for module in pkgutil.walk_packages([str(PACKAGE)], "course_utils.")
        if not ast.get_docstring(ast.parse(Path(module.module_finder.find_spec(module.name).origin).read_text()))
    ]
    assert not silent


# -------------------------------------------------------------------------------------------------------------- locks


def locked(path):
    """{name: (version, block)} for every requirement of a lock file."""
    blocks = re.split(r"^(?=[a-z0-9])", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [(*re.match(r"([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", block).groups(), block) for block in blocks]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_address_index_or_path(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"://|file:|^\s*-|index|find-links|@ |(?<!#)/", re.sub(r"--hash=\S+", "", text), re.MULTILINE)


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_locked_version_has_its_hashes(path):
    assert not [name for name, _, block in locked(path) if "--hash=sha256:" not in block]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_satisfies_the_project(path):
    """So that nobody forgets `make lock` after a change of pyproject.toml."""
    extras = PROJECT["optional-dependencies"]
    wanted = [
        *PROJECT["dependencies"],
        *(one for name in (path.stem, "weights", "book", "test") for one in extras[name]),
    ]
    versions = {}
    for name, version, _ in locked(path):
        versions.setdefault(canonicalize_name(name), []).append(version)
    for requirement in map(Requirement, wanted):
        found = versions.get(canonicalize_name(requirement.name), [])
        assert found, f"{requirement} is not in {path.name}: run make lock"
        assert all(requirement.specifier.contains(Version(one)) for one in found), f"{requirement}, locked {found}"


def test_there_is_a_lock_for_each_kind_of_machine():
    assert [path.stem for path in LOCKS] == ["cpu", "gpu"]


def test_nothing_needs_a_framework_that_the_reader_did_not_choose():
    core = {Requirement(one).name for one in PROJECT["dependencies"]}
    assert not core & {"tensorflow", "tensorflow-cpu", "jax", "torch"}


# ---------------------------------------------------------------------------------------------- versions and workflows


def test_the_versions_of_python_are_the_same_everywhere():
    """The package has Keras' bound, which is only from below; what make installs has that of TensorFlow's wheels."""
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    classified = [one.rsplit(" ", 1)[1] for one in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", one)]
    assert classified == PYTHONS
    matrix = yaml.safe_load((ROOT / ".github/workflows/cpu.yml").read_text())["jobs"]["check"]["strategy"]["matrix"]
    assert matrix["python"] == PYTHONS
    assert "(3, 11) <= v < (3, 14)" in (ROOT / "Makefile").read_text()


def test_the_version_stands_in_the_change_log_and_the_citation():
    version, _, before_release = course_utils.__version__.partition(".dev")
    (heading, *_) = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heading == version + (", not yet released" if before_release else "")
    assert str(yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]) == course_utils.__version__


def targets():
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_only_calls_make_targets(path):
    for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
        for step in job["steps"]:
            if "run" in step:
                assert re.fullmatch(r'make [a-z]+( [A-Z_]+=(\S+|"[^"]*"))*', step["run"].strip()), step["run"]
                assert step["run"].split()[1] in targets()
            else:
                assert step["uses"].startswith("actions/"), step["uses"]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_the_commands_that_a_reader_is_told_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    told = set(re.findall(r"(?:`|^ *|&& )make ([a-z]+)", text, re.MULTILINE))
    assert told
    assert told <= targets()


def test_every_target_is_explained_by_help():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(re.findall(r"^  make ([a-z]+) +\S", done.stdout, re.MULTILINE)) == targets()


def test_the_scripts_can_be_run():
    assert all((ROOT / ".ci" / name).stat().st_mode & 0o100 for name in ("run", "actionlint"))


@pytest.mark.slow
def test_make_installs_into_an_environment_that_has_no_pip(tmp_path):
    """As uv makes them. Of the lock, only what it takes to install the package itself."""
    from tests.test_setup_cell import distributions

    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    needed = {canonicalize_name(name) for name in distributions(["hatchling", "editables"])}
    lock = tmp_path / "few.lock"
    lock.write_text("".join(block for name, _, block in locked(LOCKS[0]) if canonicalize_name(name) in needed))
    command = ["make", "install", f"VENV={tmp_path / 'venv'}", f"LOCK={lock}", f"PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if "No matching distribution" in done.stderr:
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stdout + done.stderr
    python = tmp_path / "venv" / "bin" / "python"
    shown = subprocess.run(
        [python, "-c", "import course_utils; print(course_utils.__file__)"], capture_output=True, text=True
    )
    assert Path(shown.stdout.strip()).is_relative_to(ROOT)


@pytest.mark.skipif(not shutil.which("git"), reason="no git here")
def test_a_clone_has_the_bytes_of_the_repository_on_windows_too(tmp_path):
    """Git for Windows sets core.autocrlf; notebooks, exercises and locks are compared to the byte."""

    def git(*arguments):
        identity = ["-c", "user.name=x", "-c", "user.email=x@y.org"]
        subprocess.run(["git", *identity, *map(str, arguments)], cwd=tmp_path, check=True, capture_output=True)

    origin, clone = tmp_path / "origin", tmp_path / "clone"
    git("init", "-q", origin)
    names = [".gitattributes", "exercises/01_tasks.ipynb", "requirements/cpu.lock", "book/_static/explanations.webp"]
    for name in names:
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, origin / name)
    git("-C", origin, "add", "--all")
    git("-C", origin, "commit", "-q", "-m", "x")
    git("clone", "-q", "-c", "core.autocrlf=true", origin, clone)
    assert [name for name in names if (clone / name).read_bytes() != (ROOT / name).read_bytes()] == []


def test_tensorflows_warnings_stay_off_the_page_whatever_level_it_sets(caplog):
    log = logging.getLogger("tensorflow")
    before = log.level
    log.setLevel(logging.INFO)  # as it does itself in a notebook
    try:
        log.warning("triggered tf.function retracing")
        log.error("Out of memory")
    finally:
        log.setLevel(before)
    assert caplog.messages == ["Out of memory"]
