"""Devices: the same tests run on each; what is missing for one is said."""
import subprocess
import sys

import pytest

import tinygrad_core as tg


def test_the_engines_tests_run_on_a_gpu_or_say_why_not(root):
    options = ["-q", "-p", "no:cacheprovider", "--device", "cuda", "tests/engine/test_in_place.py"]
    result = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=root, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:]
    if not tg.cuda.is_available():
        assert "passed" not in result.stdout and 'stay on device="cpu"' in result.stdout


def test_models_train_on_arrays_with_cupys_manners(root):
    options = ["-q", "-p", "no:cacheprovider", "--device", "emulated", "tests/engine/test_nn_training.py",
               "tests/engine/test_in_place.py"]
    result = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=root, capture_output=True, text=True)
    assert result.returncode == 0 and "passed" in result.stdout, result.stdout[-2000:]


def test_a_gpu_that_is_not_there_is_explained():
    if tg.cuda.is_available():
        pytest.skip("there is a GPU")
    for ask in (lambda: tg.ones(2, device="cuda"), lambda: tg.ones(2).cuda(), lambda: tg.nn.Linear(2, 2).to("cuda")):
        with pytest.raises(tg.errors.DeviceError, match="stay on device=\"cpu\""):
            ask()
    for ask in (lambda: tg.ones(2, device="gpu"), lambda: tg.ones(2).to("gpu"), lambda: tg.nn.Linear(2, 2).to("gpu")):
        with pytest.raises(tg.errors.DeviceError, match="no device 'gpu'"):
            ask()
    assert not tg.ones(2).to("cpu", non_blocking=True).is_cuda
