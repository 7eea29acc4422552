"""Data sets, batches, IDX files and downloads; the network is a server on this machine."""
import gzip
import hashlib
import http.server
import struct
import threading
from collections import namedtuple
from typing import ClassVar

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core import data
from tinygrad_core.data import DataLoader, DownloadError, TensorDataset, download, read_idx
from tinygrad_core.errors import EngineError, ShapeError


# ---- batches
@pytest.mark.parametrize("n, size", [(10, 3), (9, 3), (2, 5), (0, 4)])
@pytest.mark.parametrize("drop_last", [False, True])
def test_a_loader_gives_every_sample_once(n, size, drop_last):
    x, y = np.arange(n * 2, dtype=np.float32).reshape(n, 2), np.arange(n)
    loader = DataLoader((x, y), batch_size=size, shuffle=True, drop_last=drop_last)
    batches = list(loader)
    assert len(batches) == len(loader)
    seen = [int(v) for _, labels in batches for v in labels]
    assert len(seen) == len(set(seen)) == (n - n % size if drop_last else n)
    for images, labels in batches:
        np.testing.assert_array_equal(images.numpy(), x[labels.numpy()])


def test_the_order_is_new_for_every_loop_and_the_same_for_the_same_seed():
    def loops():
        loader = DataLoader(np.arange(50), batch_size=50, shuffle=True, generator=tg.Generator().manual_seed(3))
        return [next(iter(loader))[0].tolist() for _ in range(2)]

    first, second = loops()
    assert first != second and loops() == [first, second]
    plain = DataLoader(np.arange(50), batch_size=50)
    assert next(iter(plain))[0].tolist() == list(range(50))


def test_samples_of_any_kind_are_collated():
    class Squares(data.Dataset):
        def __getitem__(self, i):
            return {"x": tg.tensor([float(i), 1.0]), "y": i * i, "pair": (i, np.float32(0.5))}

        def __len__(self):
            return 3

    batch, = DataLoader(Squares(), batch_size=4)
    assert batch["x"].shape == (3, 2) and batch["y"].tolist() == [0, 1, 4]
    assert batch["pair"][0].tolist() == [0, 1, 2] and batch["pair"][1].dtype == tg.float32


def test_named_tuples_stay_named():
    Pair = namedtuple("Pair", "x y")
    batch, = DataLoader([Pair(0, 1.0), Pair(2, 3.0)], batch_size=2)
    assert (batch.x.tolist(), batch.y.tolist(), batch.y.dtype) == ([0, 2], [1.0, 3.0], tg.float32)


def test_splits_are_disjoint_and_whole():
    parts = data.random_split(TensorDataset(np.arange(11)), [0.5, 0.5], tg.Generator().manual_seed(0))
    assert sorted(int(s[0]) for part in parts for s in part) == list(range(11))
    assert [len(p) for p in parts] == [6, 5]
    with pytest.raises(EngineError, match="add up to 5, and there are 11"):
        data.random_split(TensorDataset(np.arange(11)), [2, 3])


@pytest.mark.parametrize("make, error", [
    (lambda: DataLoader(np.arange(3), batch_size=0), "whole number from 1 up"),
    (lambda: DataLoader(np.arange(3), shuffle=True, sampler=[0]), "leave shuffle off"),
    (lambda: TensorDataset(np.arange(3), np.arange(4)), "one length"),
    (lambda: DataLoader([(1, 2), (1,)], batch_size=2).__iter__().__next__(), "collate_fn"),
])
def test_bad_arguments(make, error):
    with pytest.raises((EngineError, ShapeError), match=error):
        make()


# ---- small sets
def test_small_sets():
    pytest.importorskip("sklearn")
    x, y = data.digits().tensors
    assert x.shape == (1797, 1, 8, 8) and x.dtype == tg.float32 and float(x.array.max()) == 1.0 and y.dtype == tg.int64
    assert data.iris().tensors[0].shape == (150, 4)


def test_moons_are_two_half_circles():
    x, y = data.moons(100, noise=0.0).tensors
    first = x.numpy()[y.numpy() == 0]
    np.testing.assert_allclose((first ** 2).sum(1), 1, rtol=1e-5)
    assert y.tolist().count(1) == 50


# ---- IDX files
def idx(array: np.ndarray, code: int = 8) -> bytes:
    return struct.pack(">HBB", 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def small_mnist(folder, zipped=True):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (5, 28, 28)).astype(np.uint8), np.arange(5, dtype=np.uint8)
    for name, array in (("t10k-images-idx3-ubyte", images), ("t10k-labels-idx1-ubyte", labels)):
        raw = idx(array)
        (folder / (name + (".gz" if zipped else ""))).write_bytes(gzip.compress(raw) if zipped else raw)
    return images, labels


@pytest.mark.parametrize("zipped", [True, False])
def test_mnist_reads_plain_and_gzipped_files(tmp_path, zipped):
    images, labels = small_mnist(tmp_path, zipped)
    mnist = data.MNIST(tmp_path, train=False, download=False)
    np.testing.assert_allclose(mnist.images.numpy()[:, 0], images / 255, rtol=1e-6)
    assert mnist.labels.tolist() == labels.tolist() and mnist[2][0].shape == (1, 28, 28)


def test_mnist_changes_samples_as_it_is_told(tmp_path):
    images, _ = small_mnist(tmp_path)
    mnist = data.MNIST(tmp_path, train=False, download=False, transform=data.transforms.Normalize((0.5,), (0.25,)),
                       target_transform=lambda label: label * 10)
    batch, labels = next(iter(DataLoader(mnist, batch_size=5)))
    np.testing.assert_allclose(batch.numpy()[:, 0], (images / 255 - 0.5) / 0.25, rtol=1e-4, atol=1e-5)
    assert labels.tolist() == [0, 10, 20, 30, 40]


@pytest.mark.parametrize("code, dtype", [(8, ">u1"), (9, ">i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")])
def test_every_idx_type(tmp_path, code, dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    (tmp_path / "a").write_bytes(idx(array, code))
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), array)


@pytest.mark.parametrize("spoil, word", [
    (lambda raw: raw[:-1], "should have"), (lambda raw: raw + b"x", "should have"),
    (lambda raw: b"PK" + raw[2:], "not an IDX"), (lambda raw: raw[:3], "not an IDX"),
    (lambda raw: gzip.compress(raw)[:-5], "not a whole gzip"), (lambda raw: b"", "not an IDX")])
def test_broken_files_are_named(tmp_path, spoil, word):
    (tmp_path / "labels").write_bytes(spoil(idx(np.arange(5, dtype=np.uint8))))
    with pytest.raises(ValueError, match=f"labels.*{word}"):
        read_idx(tmp_path / "labels")


def test_a_missing_file_without_download(tmp_path):
    with pytest.raises(DownloadError, match=r"train-images-idx3-ubyte.*digits\(\)"):
        data.MNIST(tmp_path, download=False)


# ---- downloads
CONTENT = bytes(range(256)) * 2000


class Handler(http.server.BaseHTTPRequestHandler):
    break_off = garbage = False
    ranges: ClassVar[list[str]] = []

    def do_GET(self):
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        Handler.ranges.append(wanted or "")
        if Handler.garbage:
            self.wfile.write(b"what is this?\r\n\r\n")
            return
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        stop = len(CONTENT) // 2 if Handler.break_off else len(CONTENT)
        self.wfile.write(CONTENT[start:stop])

    def log_message(self, *args):
        pass


@pytest.fixture
def url():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Handler.break_off, Handler.garbage, Handler.ranges = False, False, []
    yield f"http://127.0.0.1:{server.server_port}/file"
    server.shutdown()
    server.server_close()


MD5 = hashlib.md5(CONTENT).hexdigest()


def test_a_download_is_whole_checked_and_made_once(tmp_path, url):
    path = download([url], tmp_path / "sub" / "file", MD5)
    assert path.read_bytes() == CONTENT and [p.name for p in path.parent.iterdir()] == ["file"]
    download([url], path, MD5)
    assert len(Handler.ranges) == 1


def test_a_broken_transfer_goes_on_where_it_stopped(tmp_path, url):
    Handler.break_off = True
    with pytest.raises(DownloadError, match=rf"broke off after {len(CONTENT) // 2} of {len(CONTENT)}"):
        download([url], tmp_path / "file", MD5)
    assert not (tmp_path / "file").exists()
    Handler.break_off = False
    assert download([url], tmp_path / "file", MD5).read_bytes() == CONTENT
    assert Handler.ranges[-1] == f"bytes={len(CONTENT) // 2}-"


def test_a_wrong_checksum_is_thrown_away_and_the_next_mirror_asked(tmp_path, url):
    with pytest.raises(DownloadError, match="checksum"):
        download([url], tmp_path / "file", "0" * 32)
    assert not list(tmp_path.iterdir())
    assert download(["http://127.0.0.1:9/nothing", url], tmp_path / "file", MD5).exists()


def test_a_whole_part_is_only_renamed_and_a_strange_one_thrown_away(tmp_path, url):
    part = tmp_path / "file.part"
    part.write_bytes(CONTENT)
    assert download([url], tmp_path / "file", MD5).read_bytes() == CONTENT and not Handler.ranges
    (tmp_path / "file").unlink()
    part.write_bytes(CONTENT + b"more")
    with pytest.raises(DownloadError, match=r"416|Range"):
        download([url], tmp_path / "file", MD5)
    assert download([url], tmp_path / "file", MD5).read_bytes() == CONTENT


def test_an_answer_that_is_no_http_is_reported(tmp_path, url):
    Handler.garbage = True
    with pytest.raises(DownloadError, match=r"what is this\?"):
        download([url], tmp_path / "file", MD5)


def test_without_a_network_it_says_what_to_do(tmp_path):
    with pytest.raises(DownloadError) as error:
        download(["http://127.0.0.1:9/file"], tmp_path / "file", MD5)
    assert "put it at" in str(error.value) and str(tmp_path / "file") in str(error.value)
    assert "127.0.0.1:9" in str(error.value) and "digits()" in str(error.value)
