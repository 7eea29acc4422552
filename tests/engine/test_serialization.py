"""Saved files: everything comes back, other readers understand them, hostile ones are refused."""
import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_core as tg
from tinygrad_core import nn
from tinygrad_core.serialization import FileError, load, save

DTYPES = [tg.float32, tg.float64, tg.float16, tg.int64, tg.int32, tg.int16, tg.int8, tg.uint8, tg.bool]


def raw(header, numbers=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + numbers


def test_tensors_of_every_dtype_and_shape_come_back(tmp_path):
    rng = np.random.default_rng(0)
    tensors = {f"{d}{s}": tg.tensor(rng.integers(0, 2, s), dtype=d)
               for d in DTYPES for s in [(), (3,), (2, 0), (4, 1, 3)]}
    tensors["strided"] = tg.tensor(rng.standard_normal((3, 5))).T
    save(tensors, tmp_path / "a")
    back = load(tmp_path / "a")
    assert list(back) == list(tensors)
    for name, t in tensors.items():
        assert (back[name].dtype, back[name].shape) == (t.dtype, t.shape)
        np.testing.assert_array_equal(back[name].numpy(), t.numpy())
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_checkpoint_goes_on_bit_for_bit(tmp_path):
    def step(model, optimizer):
        optimizer.zero_grad()
        (model(tg.ones(2, 3)) ** 2).sum().backward()
        optimizer.step()

    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    optimizer = tg.optim.Adam(model.parameters(), lr=0.1)
    step(model, optimizer)
    save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "log": [0.5, None, ("x", True)]},
         tmp_path / "checkpoint")
    found = load(tmp_path / "checkpoint")
    assert found["epoch"] == 3 and found["log"] == [0.5, None, ("x", True)]
    other = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    other.load_state_dict(found["model"])
    resumed = tg.optim.Adam(other.parameters())
    resumed.load_state_dict(found["optimizer"])
    step(model, optimizer)
    step(other, resumed)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


def test_the_file_is_what_the_format_says(tmp_path):
    save({"a": tg.tensor([1, 2], dtype=tg.uint8), "b": tg.tensor([[1.5]])}, tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8:8 + length])
    assert length % 8 == 0 and header["b"] == {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}
    assert header["a"] == {"dtype": "U8", "shape": [2], "data_offsets": [4, 6]}
    assert content[8 + length:] == np.float32(1.5).tobytes() + b"\1\2"


def test_bfloat16_becomes_float32(tmp_path):
    (tmp_path / "a").write_bytes(raw({"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, b"\x80\x3f\x00\xc0"))
    assert load(tmp_path / "a")["x"].tolist() == [1.0, -2.0]


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(("content", "words"), [
    (b"", "not a safetensors file"), (b"\x80\x04K\x01.", "not a safetensors file"),
    ((1 << 63).to_bytes(8, "little") + b"{}", "not a safetensors file"),
    (raw(b"{oh}"), "cannot be read"), (raw(b"\xff\xfe"), "cannot be read"), (raw(b"[1]"), "no dictionary"),
    (raw(b"[" * 100_000), "cannot be read"), (raw(b'{"a":1,"a":2}'), "given twice"),
    (raw({"x": 3}), "should have dtype"), (raw({"x": {**entry(), "code": "import os"}}, bytes(8)), "should have dtype"),
    (raw({"x": entry(["F32"])}, bytes(8)), "F32.*lacks"), (raw({"x": entry("C64")}, bytes(8)), "C64.*lacks"),
    (raw({"x": entry(shape=(-2,))}, bytes(8)), "shape"),
    (raw({"x": entry(shape=(3,))}, bytes(8)), "needs 12"), (raw({"x": entry(shape=(1 << 40, 1 << 40))}), "needs"),
    (raw({"x": entry(offsets=(4, 12))}, bytes(12)), "begins at byte 4"), (raw({"x": entry()}, bytes(7)), "not whole"),
    (raw({"x": entry(), "y": entry()}, bytes(8)), "begins at byte 0, and should at 8"),
    (raw({"x": entry()}, bytes(9)), "not whole"), (raw({"x": entry(shape=(True, 2))}, bytes(8)), "shape"),
    (raw({"__metadata__": {"tree": '{"tensor": "gone"}'}}), "tree"),
    (raw({"__metadata__": {"tree": '{"list": [{"eval": "1"}]}'}}), "tree"),
])
def test_hostile_files_are_refused(tmp_path, content, words):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(FileError, match=words):
        load(tmp_path / "a")


@given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_one_changed_byte_is_read_or_refused_and_nothing_else(tmp_path_factory, place, byte):
    path = tmp_path_factory.mktemp("spoiled") / "a"
    save({"w": tg.ones(2, 3), "list": [tg.tensor([1, 2])]}, path)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = byte
    path.write_bytes(content)
    with contextlib.suppress(FileError):
        load(path)


@pytest.mark.parametrize("thing", [object(), nn.Linear(1, 1), {"f": print}, {(1, 2): 3}])
def test_what_a_file_cannot_hold_is_refused(tmp_path, thing):
    with pytest.raises(FileError, match="state_dict"):
        save(thing, tmp_path / "a")
    assert not list(tmp_path.iterdir())
