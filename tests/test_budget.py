"""Budgets and expectations: which numbers a profile gets, and which results it accepts."""

import math
import sys
from types import SimpleNamespace

import pytest
from backends import INSTALLED, output_on
from hypothesis import given
from hypothesis import strategies as st

from course_utils import budget as budget_module  # the function: the package binds it over its module
from course_utils import expect, profile
from course_utils.budget import PROFILES, Budget, ExpectationFailed, budget

BOUNDS = {"full": 0.9, "laptop": 0.7, "smoke": 0.3}


@pytest.fixture(params=PROFILES)
def at(request, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", request.param)
    return request.param


@pytest.fixture
def smoke(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "smoke")


@pytest.fixture
def no_profile(monkeypatch):
    """Nobody chose; the accelerator is what the test says, without importing Keras."""
    monkeypatch.delenv("COURSE_PROFILE", raising=False)

    def with_accelerator(name):
        monkeypatch.setitem(budget.__globals__, "_accelerator", lambda: name)

    return with_accelerator


def test_the_package_offers_the_function_not_its_module():
    assert budget_module is budget


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [
        ("full", {"epochs": 30, "examples": 50_000, "width": 64}),
        ("laptop", {"epochs": 5, "examples": 10_000, "width": 64}),
        ("smoke", {"epochs": 5, "examples": 512, "width": 64}),  # epochs from laptop, width from the real numbers
    ],
)
def test_a_smaller_profile_falls_through_to_the_next_larger_one(monkeypatch, chosen, numbers):
    monkeypatch.setenv("COURSE_PROFILE", chosen)
    run = budget(
        epochs=30, examples=50_000, width=64, laptop={"epochs": 5, "examples": 10_000}, smoke={"examples": 512}
    )
    assert vars(run) == {"profile": chosen, **numbers}


@pytest.mark.parametrize("scale", ["laptop", "smoke"])
def test_a_misspelt_number_is_refused_at_every_profile(at, scale):
    with pytest.raises(TypeError, match=rf"{scale}=dict\(\.\.\.\) names epoch, which .* \(it has epochs, examples\)"):
        budget(epochs=30, examples=50_000, **{scale: {"epoch": 2}})


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(), min_size=3),
    st.dictionaries(st.sampled_from("abc"), st.integers()),
    st.dictionaries(st.sampled_from("abc"), st.integers()),
)
def test_smoke_wins_over_laptop_and_laptop_over_full(full, laptop, smoke):
    with pytest.MonkeyPatch.context() as patch:
        for chosen, layers in {"full": [full], "laptop": [full, laptop], "smoke": [full, laptop, smoke]}.items():
            patch.setenv("COURSE_PROFILE", chosen)
            expected = {name: next(layer[name] for layer in reversed(layers) if name in layer) for name in full}
            run = budget(laptop=laptop, smoke=smoke, **full)
            assert {name: getattr(run, name) for name in full} == expected


def test_a_budget_cannot_be_changed(smoke):
    run = budget(epochs=3)
    with pytest.raises(AttributeError, match="cannot set 'epochs'"):
        run.epochs = 300
    with pytest.raises(AttributeError, match="cannot set 'batch_size'"):
        run.batch_size = 1
    assert run.epochs == 3


def test_a_number_that_the_budget_lacks_is_named_with_those_it_has(smoke):
    with pytest.raises(AttributeError, match="no 'epoch'; it has profile, epochs"):
        _ = budget(epochs=3).epoch


def test_the_representation_shows_profile_and_numbers(smoke):
    assert repr(budget(epochs=3)) == "Budget(profile='smoke', epochs=3)"
    assert isinstance(budget(epochs=3), Budget)


@pytest.mark.parametrize("spelling", ["laptop", " Laptop ", "LAPTOP"])
def test_the_profile_is_read_whatever_its_case(monkeypatch, spelling):
    monkeypatch.setenv("COURSE_PROFILE", spelling)
    assert profile() == "laptop"


def test_an_unknown_profile_is_refused_with_the_known_ones(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "gpu")
    for question in (profile, lambda: budget(epochs=1), lambda: expect("accuracy", 1, **BOUNDS)):
        with pytest.raises(ValueError, match="COURSE_PROFILE is 'gpu'; it must be one of smoke, laptop, full"):
            question()


@pytest.mark.parametrize(("accelerator", "chosen"), [("gpu:0", "full"), (None, "laptop")])
@pytest.mark.parametrize("spelling", [None, "", "  "])
def test_unset_the_accelerator_decides_and_the_reason_is_printed(
    no_profile, monkeypatch, capsys, accelerator, chosen, spelling
):
    no_profile(accelerator)
    if spelling is not None:
        monkeypatch.setenv("COURSE_PROFILE", spelling)
    assert budget(epochs=30, laptop={"epochs": 5}).profile == chosen
    printed = capsys.readouterr().out
    assert printed.startswith(f"Profile {chosen}: Keras sees ")
    assert (accelerator or "no accelerator") in printed
    assert "COURSE_PROFILE" in printed


def test_a_chosen_profile_is_not_announced(at, capsys):
    budget(epochs=1)
    assert capsys.readouterr().out == ""


def test_a_result_at_the_bound_is_enough(at, capsys):
    expect("test accuracy", BOUNDS[at], **BOUNDS)
    assert capsys.readouterr().out == f"test accuracy: {BOUNDS[at]}, expected at least {BOUNDS[at]} at profile {at}\n"


def test_a_result_below_its_bound_fails_with_name_value_bound_and_profile(at):
    value = BOUNDS[at] - 0.01
    with pytest.raises(ExpectationFailed) as caught:
        expect("test accuracy", value, **BOUNDS)
    assert f"test accuracy: {value:.4g}, expected at least {BOUNDS[at]} at profile {at}" in str(caught.value)


def test_at_most_turns_the_bound_around(smoke):
    expect("loss", 0.3, **BOUNDS, at_most=True)
    with pytest.raises(ExpectationFailed, match="loss: 0.31, expected at most 0.3 at profile smoke"):
        expect("loss", 0.31, **BOUNDS, at_most=True)


@pytest.mark.parametrize("at_most", [False, True])
def test_not_a_number_reaches_nothing(smoke, at_most):
    with pytest.raises(ExpectationFailed, match="nan"):
        expect("loss", math.nan, **BOUNDS, at_most=at_most)


def test_an_expectation_that_failed_is_an_assertion(smoke):
    """So that pytest, and whoever catches AssertionError, takes it for a result and not for a crash."""
    with pytest.raises(AssertionError):
        expect("accuracy", 0, **BOUNDS)


def test_every_profile_needs_its_bound():
    with pytest.raises(TypeError, match="smoke"):
        expect("accuracy", 1, full=0.9, laptop=0.7)


@pytest.mark.slow
def test_keras_alone_decides_what_an_accelerator_is():
    import keras

    from course_utils.budget import _accelerator

    names = keras.distribution.list_devices()
    assert _accelerator() == next((name for name in names if not name.startswith("cpu")), None)


ON_ANOTHER_BACKEND = """
import os
del os.environ["COURSE_PROFILE"]
from course_utils import budget, doctor, profile
run = budget(epochs=30, laptop={"epochs": 5})
print(run.profile, profile(), run.epochs)
report = doctor.Report()
print(doctor._backend(report))
print(*(finding for topic, finding in report.rows if topic == "Keras"))
"""


# Keras' NumPy, which has no devices either, computes some things with JAX.
@pytest.mark.parametrize("backend", [*INSTALLED, *(["numpy"] if "jax" in INSTALLED else [])])
def test_without_a_profile_every_backend_says_what_it_sees(backend, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "to be unset")
    announced, chosen, imported, found = output_on(backend, ON_ANOTHER_BACKEND)
    names = chosen.split()
    assert announced.startswith(f"Profile {names[0]}: Keras sees ")
    assert names in (["laptop", "laptop", "5"], ["full", "full", "30"])
    assert imported == "True"
    assert f" on {backend}, devices: " in found
    assert ("devices: cpu" in found.lower()) == (names[0] == "laptop")


@pytest.mark.parametrize(
    ("device", "chosen"),
    [("cpu", "laptop"), ("CPU", "laptop"), ("cuda:0", "full"), ("mps:0", "full"), ("xpu:0", "full"), (None, "laptop")],
)
@pytest.mark.parametrize("lack", [AttributeError, NotImplementedError])
def test_where_keras_lists_no_devices_an_array_tells(monkeypatch, lack, device, chosen):
    """As on PyTorch, whose part of Keras has no module for devices, and whose arrays name theirs."""

    def list_devices():
        raise lack("'NoneType' object has no attribute 'list_devices'")

    array = SimpleNamespace() if device is None else SimpleNamespace(device=device)
    keras = SimpleNamespace(
        distribution=SimpleNamespace(list_devices=list_devices), ops=SimpleNamespace(zeros=lambda shape: array)
    )
    monkeypatch.setitem(sys.modules, "keras", keras)
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    assert profile() == chosen
