"""What a training's monitor takes down."""

import pytest

from widgets import TrainingMonitor


def test_a_metric_that_is_no_number_is_refused_and_nothing_is_lost():
    monitor = TrainingMonitor()
    monitor.log(loss=0.5)
    for arguments, metrics, words in (((), {"loss": "a"}, "one number"), ((), {"loss": None}, "one number"),
                                      ((0.5,), {}, "metrics by name"), (("a",), {"loss": 1.0}, "whole number")):
        with pytest.raises(TypeError, match=words):
            monitor.log(*arguments, **metrics)
    monitor.log(loss=0.25)
    assert "of 2 steps" in repr(monitor)
    with pytest.raises(TypeError, match="module with parameters, not by str"):
        TrainingMonitor("hello")
