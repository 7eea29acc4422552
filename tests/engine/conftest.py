"""On which device the engine's tests run: `--device cuda` runs the same files on a GPU, `--device emulated` as on one."""
from collections.abc import Iterator

import pytest

import tinygrad_core as tg
from tests.engine import emulated_cupy

# What is about the computer's own processor or memory, whatever device tensors lie on.
ON_THE_CPU = {
    **dict.fromkeys(("test_data_workers", "test_mnist_listing"), "hands arrays through the computer's memory"),
    **dict.fromkeys(("test_static_c", "test_static_compile", "test_static_control", "test_static_graph", "test_static_guards",
                     "test_static_kept", "test_static_passes", "test_static_save", "test_static_shortcut",
                     "test_static_views"),
                    "is about the back ends that compute on the CPU; test_static_cuda is the GPU's"),
    **dict.fromkeys(("test_operations_page",), "computes nothing"),
}


@pytest.fixture(autouse=True)
def chosen_device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tensors are made on the chosen device; a test may look at their values with `numpy()` wherever they lie."""
    name = request.config.getoption("--device")
    if name == "cpu":
        yield
        return
    file = request.path.stem
    if file in ON_THE_CPU:
        pytest.skip(f"not for --device {name}: {ON_THE_CPU[file]}")
    try:
        emulated_cupy.use(monkeypatch, name)
    except tg.errors.DeviceError as error:
        pytest.skip(f"--device {name}: {error}")
    yield
