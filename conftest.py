"""What every test runs with. The notebooks' part is a plugin: course_utils/authoring/validation.py."""

import os

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["course_utils.authoring.validation"]

# Examples in docstrings can have no marker of their own. This one trains a VGG, as the nightly test of the script does.
NIGHTLY_EXAMPLES = {"course_utils.models.pretraining.pretrain"}

# A busy machine is slow, which is no fault of the code. In CI the same examples are tried every time: a red run is then
# about the change; at home, new ones are looked for.
settings.register_profile(
    "course", deadline=None, derandomize=bool(os.environ.get("CI")), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("course")


def pytest_configure(config):
    """Tests run at the smallest profile; notebooks at the one that was asked for."""
    if not (config.option.nbval or config.option.nbval_lax):
        os.environ.setdefault("COURSE_PROFILE", "smoke")
        os.environ.pop("COURSE_STRICT", None)


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(config, items):
    """Keep what shares a set-up together, the longest first, and skip what needs a browser where there is none."""
    for item in items:
        if not item.get_closest_marker("xdist_group"):  # a chapter's have one already
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
        if item.name in NIGHTLY_EXAMPLES:
            item.add_marker(pytest.mark.nightly)
    if hasattr(config, "workerinput"):  # a group that takes minutes is not left to the end, when the others are done
        slow = {_group(item) for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: _group(item) not in slow)

    from course_utils.doctor import chromium

    if chromium() is None:
        skip = pytest.mark.skip(reason="no Chromium here; on Debian and Ubuntu: apt-get install chromium")
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(skip)


def _group(item):
    return item.get_closest_marker("xdist_group").args[0]


@pytest.fixture(autouse=True)
def _same_environment():
    """What a test or a doctest sets in the environment does not reach the next one."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
