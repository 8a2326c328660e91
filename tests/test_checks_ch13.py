"""What chapter 13's exercise says of PyTorch and of Keras, held against them; PyTorch where it is installed."""

import keras
import numpy as np
import pytest
from keras import ops

from course_utils.checks import ch13_three_frameworks as ch13
from course_utils.checks import judge, mending, ports
from course_utils.datasets.drawn import draw


def _rows_read(size, layers, *, same):
    """The rows that the windows of the last layer have in their middles, with Keras' padding or with PyTorch's."""
    rows = np.arange(1, size + 1, dtype="float32")[None, :, None]
    for kernel_size, strides in layers:
        kernel = np.zeros((kernel_size, 1, 1), "float32")
        kernel[kernel_size // 2] = 1
        if not same:
            rows = np.pad(rows, ((0, 0), (kernel_size // 2,) * 2, (0, 0)))
        rows = ops.convert_to_numpy(ops.conv(rows, kernel, strides, "same" if same else "valid"))
    return rows[0, :, 0]


@pytest.mark.parametrize("size", [14, 15, 33, 50])
def test_keras_looks_as_much_further_down_as_the_check_says(size):
    layers = [(5, 2), (3, 1), (3, 2)]
    ours, theirs = _rows_read(size, layers, same=True), _rows_read(size, layers, same=False)
    assert len(ours) == len(theirs)
    assert ours[0] - theirs[0] == ch13._shift(size, layers)


def test_undecoupled_and_decoupled_decay_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    slopes = np.random.default_rng(0).normal(size=(5, 3))
    for kind, decoupled in ((torch.optim.Adam, False), (torch.optim.AdamW, True)):
        weight = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
        optimizer = kind([weight], lr=0.1, weight_decay=0.3)
        for slope in slopes:
            weight.grad = torch.tensor(slope)
            optimizer.step()
        assert np.allclose(ch13._adam([1.0, -2.0, 0.5], slopes, 0.1, 0.3, decoupled), weight.detach(), atol=1e-12)


def test_kernels_of_depthwise_and_transposed_convolutions_give_in_pytorch_what_they_give_in_keras():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    maps = rng.random((2, 9, 8, 4), dtype="float32")
    given = torch.tensor(maps.transpose(0, 3, 1, 2))

    def agree(ours, theirs):
        return np.allclose(ops.convert_to_numpy(ours), theirs.numpy().transpose(0, 2, 3, 1), atol=1e-5)

    kernel = rng.random((3, 2, 4, 2), dtype="float32")
    weight = torch.tensor(ch13._for_torch("depthwise", kernel).copy())
    ours = ops.depthwise_conv(maps, kernel, padding="valid", data_format="channels_last")
    assert agree(ours, torch.nn.functional.conv2d(given, weight, groups=4))
    kernel = rng.random((3, 2, 5, 4), dtype="float32")
    weight = torch.tensor(ch13._for_torch("transposed", kernel).copy())
    ours = ops.conv_transpose(maps, kernel, 2, "valid", data_format="channels_last")
    assert agree(ours, torch.nn.functional.conv_transpose2d(given, weight, stride=2))


def test_the_program_is_what_modules_of_pytorch_compute():
    torch = pytest.importorskip("torch")
    state, images = ports.state_of(ports.network()), draw(4, ports.SIZE, seed=5).images
    modules = {
        "conv": torch.nn.Conv2d(3, 6, 3),
        "norm": torch.nn.BatchNorm2d(6),
        "depthwise": torch.nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6),
        "dense": torch.nn.Linear(6, 4),
    }
    for name, module in modules.items():
        parts = {key.partition(".")[2]: torch.tensor(state[key]) for key in state if key.startswith(f"{name}.")}
        module.load_state_dict(parts, strict=False)
        module.eval()
    with torch.no_grad():
        x = torch.tensor(images[..., ::-1].transpose(0, 3, 1, 2).astype("float32") / 255)
        x = modules["norm"](modules["conv"](x).relu())
        logits = modules["dense"](modules["depthwise"](x).relu().mean(dim=(2, 3))).numpy()
    assert np.allclose(ports.program(state, images)["logits"], logits, rtol=1e-4, atol=1e-5)


def test_what_the_smallest_mistake_leaves_is_far_from_what_rounding_leaves():
    for seed in range(5):
        images, model = draw(4, ports.SIZE, seed=seed).images, ports.network(seed)
        wanted, state = ports.activations(model, images)["logits"], ports.state_of(model)
        apart = {
            lacking: mending.share(wanted, ports.program(mending.mended_but(state, lacking), images)["logits"])
            for lacking in ((), *((part,) for part in mending.PARTS if part != "epsilon of both"))
        }
        assert apart.pop(()) < mending.SAME / 20 < 20 * mending.SAME < min(apart.values())
        assert min(apart.values()) > ch13._NEARLY
    keras.backend.clear_session()


def test_an_epsilon_too_much_is_found_on_the_networks_that_the_check_uses():
    wanted = {seed: mending.pair(seed)[0]["logits"] for seed in (1, 2)}
    given = {seed: mending._logits(seed, ("epsilon of both",)) for seed in wanted}
    assert max(mending.share(wanted[seed], given[seed]) for seed in wanted) > 5 * mending.SAME
    assert mending.lacking(given) == ("epsilon of both",)


def test_the_program_and_the_check_take_parameters_of_pytorch():
    torch = pytest.importorskip("torch")
    _, state, images = mending.pair(1)
    tensors = {name: torch.nn.Parameter(torch.tensor(array)) for name, array in state.items()}
    assert np.array_equal(ports.program(tensors, images)["logits"], ports.program(state, images)["logits"])

    def mend(state):
        mended = mending.mended_but(state, ())
        return {name: torch.nn.Parameter(torch.tensor(array.copy())) for name, array in mended.items()}

    assert judge("13.mended", mend).right
    assert judge(
        "13.mended", lambda state: {n: torch.nn.Parameter(torch.tensor(a)) for n, a in state.items()}
    ).mistake == ("nothing mended")
