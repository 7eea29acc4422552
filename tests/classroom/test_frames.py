"""Frames carry plain data and arrays whole; whatever else arrives is refused before memory is taken."""

import contextlib
import io
import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lessons.classroom.inside import frames


def again(data: bytes):
    stream = io.BytesIO(data)

    def exactly(count):
        piece = stream.read(count)
        if len(piece) < count:
            raise EOFError
        return piece

    return frames.read(exactly)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.floats(allow_nan=False) | st.text(),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(), part, max_size=4),
    max_leaves=15,
)


@settings(deadline=None)
@given(plain)
def test_what_goes_in_comes_out(value):
    assert again(frames.encode(value)) == value


@pytest.mark.parametrize("dtype", sorted(frames.DTYPES))
def test_arrays_come_out_as_they_went_in(dtype):
    array = np.arange(6).astype(dtype).reshape(2, 3)
    for given_ in (array, array.T, array[:, ::2], array[:0]):
        got = again(frames.encode({"a": given_}))["a"]
        assert got.dtype == given_.dtype and got.shape == given_.shape and (got == given_).all()


@pytest.mark.parametrize("value", [object(), np.array([object()]), np.array(["text"]), np.zeros(frames.ARRAYS + 1, "u1")])
def test_what_cannot_be_handed_back_is_named(value):
    with pytest.raises(frames.FrameError):
        frames.encode(value)


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=200) | st.builds(lambda h: struct.pack("<I", len(h)) + h, st.binary(max_size=100)))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(frames.FrameError, EOFError):
        again(data)


@pytest.mark.parametrize(
    "header",
    [
        {"array": ["<f8", [1 << 40]]},
        {"array": ["<f8", [1 << 20, 1 << 20]]},
        {"array": ["<f8", [-1]]},
        {"array": ["|O8", [1]]},
        {"array": ["<f8", [1.0]]},
        {"array": ["<f8", [1] * 99]},
        {"dict": [[["key"], 1]]},
        {"dict": [["key"]]},
        {"other": 1},
        {"array": 3},
        [0] * (frames.ITEMS + 1),
        "x" * (frames.TEXT + 1),
    ],
)
def test_hostile_headers_are_refused(header):
    text = json.dumps(header).encode()
    with pytest.raises(frames.FrameError):
        again(struct.pack("<I", len(text)) + text)
