"""The setup cell, tried as Google Colab would run it: in an environment of its own, from a wheel, in a kernel."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from course_utils.authoring.files import notebook_paths, read_notebook
from course_utils.authoring.setup_cell import setup_source

nbclient = pytest.importorskip("nbclient")

ROOT = Path(__file__).parents[1]
COLAB = ["numpy", "keras", "ipykernel", "matplotlib", "pandas", "pillow", "scikit-learn", "pip"]
VERSIONS = """\
import json
from importlib import metadata
print(json.dumps({found.name.lower(): found.version for found in metadata.distributions()}))"""

pytestmark = pytest.mark.slow


def distributions(roots):
    """These installed distributions and all that they need, by name."""
    found, waiting = {}, list(roots)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found[name] = metadata.distribution(name)
        for line in found[name].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


class Environment:
    """A virtual environment in which a stub of ``google.colab`` is loaded, as in Colab."""

    def __init__(self, folder, roots):
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        self.python = folder / "venv" / "bin" / "python"
        # The files of this environment's packages, linked: unlike an installation, it takes two seconds and no network.
        ours = Path(sysconfig.get_path("purelib")).resolve()
        theirs = folder / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        for distribution in distributions(roots).values():
            for file in distribution.files:
                source = Path(distribution.locate_file(file)).resolve()
                if source.is_relative_to(ours) and source.is_file():
                    self.link(source, theirs / source.relative_to(ours))
        pip = folder / "venv" / "bin" / "pip"
        pip.write_text(f'#!/bin/sh\nexec "{self.python}" -m pip "$@"\n')
        pip.chmod(0o755)
        stub = folder / "stub"
        (stub / "google" / "colab").mkdir(parents=True)
        (stub / "google" / "colab" / "__init__.py").touch()
        (stub / "sitecustomize.py").write_text("import google.colab\n")
        dropped = ("PYTHONPATH", "COURSE_", "VIRTUAL_ENV", "MPLBACKEND")
        self.environ = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
        self.environ |= {
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(stub),
            "COURSE_PROFILE": "smoke",
            "COURSE_STRICT": "1",
            "IPYTHONDIR": str(folder / "ipython"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }

    @staticmethod
    def link(source, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:  # another file system
            shutil.copy2(source, target)

    def run(self, cells, **environ):
        """Run code in one kernel of the environment; return what each cell printed."""
        from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
        from jupyter_client.manager import AsyncKernelManager

        argv = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}", "--Application.log_level=40"]

        class Theirs(KernelSpecManager):
            def get_kernel_spec(self, kernel_name):
                return KernelSpec(argv=argv, display_name="Colab", language="python")

        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=Theirs())
        resources = {"metadata": {"path": str(self.folder)}}
        client = nbclient.NotebookClient(notebook, km=manager, resources=resources, timeout=300, startup_timeout=120)
        with client.setup_kernel(env=self.environ | environ, cleanup_kc=True):
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
        return ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]


def write_wheel(folder, name, version, requires=()):
    """A wheel with one module, which says its version."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    described = "Provides-Extra: weights\n" + "".join(f"Requires-Dist: {line}\n" for line in requires)
    files = {
        f"{name}.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{described}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
    return folder / f"{name}-{version}-py3-none-any.whl"


def setup_cell(folder, source):
    """The setup cell of a notebook with this code, in a course that has an address; a wheel takes its place."""
    (folder / "_config.yml").write_text("repository:\n  url: https://github.com/ada/course\n")
    path = folder / "notebook.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), path)
    return setup_source(folder, path)


def test_nothing_that_is_there_is_changed_even_if_a_newer_package_asks_for_it(tmp_path):
    colab = Environment(tmp_path, ["ipykernel", "pip"])
    index = tmp_path / "index"
    backend = write_wheel(index, "backend", "1.0")
    write_wheel(index, "backend", "2.0")
    write_wheel(index, "plotting", "1.0", ["backend"])
    write_wheel(index, "plotting", "2.0", ["backend>=2"])  # what pip would choose, and change the backend for it
    write_wheel(index, "network", "1.0")
    course = write_wheel(index, "course_utils", "0.1", ["backend>=1", "plotting", "network; extra == 'weights'"])
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull}
    subprocess.run([colab.python, "-m", "pip", "install", "-q", backend], env=colab.environ | offline, check=True)

    cells = [
        "import backend",
        setup_cell(tmp_path, "models.efficientnet_lite()"),
        "import course_utils, network, plotting\nprint(backend.version, course_utils.version, plotting.version)",
        VERSIONS,
        setup_cell(tmp_path, "models.efficientnet_lite()"),
    ]
    printed = colab.run(cells, COURSE_UTILS_PACKAGE=course.as_uri(), **offline)
    assert printed[1] == ""
    assert printed[2] == "1.0 0.1 1.0\n"
    versions = json.loads(printed[3])
    assert (versions["backend"], versions["plotting"]) == ("1.0", "1.0")
    assert printed[4] == ""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT]
    if shutil.which("hatchling", path=Path(sys.executable).parent):
        command.append("--no-build-isolation")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"the wheel cannot be built here: {done.stderr.strip().splitlines()[-1]}")
    return next(folder.glob("*.whl"))


def tensorflow():
    for name in ("tensorflow-cpu", "tensorflow"):
        try:
            return metadata.distribution(name).name
        except metadata.PackageNotFoundError:
            continue
    return pytest.skip("TensorFlow is not installed in this environment")


@pytest.mark.nightly
def test_a_notebook_runs_in_colab_right_after_its_setup_cell_with_colabs_versions(wheel, tmp_path):
    colab = Environment(tmp_path, [*COLAB, tensorflow()])
    reachable = [colab.python, "-m", "pip", "download", "-q", "--no-deps", "-d", tmp_path / "probe", "pooch"]
    if subprocess.run(reachable, env=colab.environ, capture_output=True).returncode:
        pytest.skip("no package index can be reached, and Colab lacks some of what the course needs")
    solution = read_notebook(notebook_paths(ROOT, ["solutions"])[0])
    code = [cell.source for cell in solution.cells if cell.cell_type == "code"]
    assert code.pop(0) == setup_source(ROOT)

    before = "import keras, numpy\nused = keras.ops.ones(3)\n" + VERSIONS
    after = "import course_utils\nprint(course_utils.__file__)\n" + VERSIONS
    first, installed, *_, last = colab.run(
        [before, setup_cell(tmp_path, ""), *code, after], COURSE_UTILS_PACKAGE=wheel.as_uri()
    )
    assert "error" not in installed.lower(), installed
    assert "restart" not in installed.lower(), installed
    there = json.loads(first)
    where, now = last.splitlines()
    assert Path(where).is_relative_to(tmp_path)
    changed = {name: (version, json.loads(now).get(name)) for name, version in there.items()}
    assert all(old == new for old, new in changed.values()), changed
    assert {"course-utils", "course_utils"} & {*json.loads(now)} - {*there}
    assert not [name for name in json.loads(now) if name.startswith("efficientnet")]  # it uses no trained network
