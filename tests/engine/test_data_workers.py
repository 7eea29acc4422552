"""Samplers, worker processes, transforms and text."""
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core import data
from tinygrad_core.data import DataLoader, transforms
from tinygrad_core.data.workers import _discard
from tinygrad_core.errors import EngineError

SHARED = Path("/dev/shm")


class Rows(data.Dataset):
    """Row i: i three times, and who made it."""

    def __len__(self):
        return 23

    def __getitem__(self, i):
        if i == 17 and self.fails:
            raise KeyError("row seventeen")
        return {"x": np.full(3, i, np.float32), "pid": os.getpid(), "draw": float(tg.rand(1))}

    fails = False


def blocks():
    return {p.name for p in SHARED.glob("tgc*")} if SHARED.is_dir() else set()


def test_workers_give_the_same_batches_in_the_same_order():
    before = blocks()
    alone = [b["x"].tolist() for b in DataLoader(Rows(), batch_size=4)]
    batches = list(DataLoader(Rows(), batch_size=4, num_workers=3))
    assert [b["x"].tolist() for b in batches] == alone
    pids = {p for b in batches for p in b["pid"].tolist()}
    assert len(pids) == 3 and os.getpid() not in pids
    batches[0]["x"].array += 1      # the arrays are this process's own
    assert blocks() == before


def test_workers_draw_different_numbers_and_a_seed_repeats_them():
    def draws():
        loader = DataLoader(Rows(), batch_size=4, num_workers=2, generator=tg.Generator().manual_seed(5))
        return [v for b in loader for v in b["draw"].tolist()]

    first = draws()
    assert len(set(first)) == 23 and draws() == first


def test_an_error_in_a_worker_comes_with_its_own_type_and_traceback():
    dataset = Rows()
    dataset.fails = True
    with pytest.raises(KeyError, match="row seventeen") as error:
        list(DataLoader(dataset, batch_size=4, num_workers=2))
    assert "in __getitem__" in str(error.value.__cause__) and "row seventeen" in str(error.value.__cause__)


def test_a_killed_worker_is_noticed():
    class Deadly(Rows):
        def __getitem__(self, i):
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(EngineError, match=r"exit code -9.*num_workers=0"):
        list(DataLoader(Deadly(), num_workers=1))


def test_a_loop_left_early_leaves_nothing_behind():
    before = blocks()
    batches = iter(DataLoader(Rows(), batch_size=2, num_workers=2))
    pids = next(batches)["pid"].tolist()
    batches.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert blocks() == before


@pytest.mark.skipif(sys.platform != "linux", reason="a block is made and sized in one step elsewhere")
def test_a_worker_that_ends_while_it_makes_its_block_leaves_nothing_behind():
    import _posixshmem

    before = blocks()
    os.close(_posixshmem.shm_open("/tgchalfmade", os.O_CREAT | os.O_RDWR, mode=0o600))
    assert blocks() - before == {"tgchalfmade"}
    _discard("tgchalfmade")
    _discard("tgcnevermade")
    assert blocks() == before


PARENT = """
import os, sys, time
from tinygrad_core import data
class Slow(data.Dataset):
    def __len__(self): return 4
    def __getitem__(self, i):
        if i: time.sleep(600)
        return os.getpid()
for batch in data.DataLoader(Slow(), num_workers=2):
    print(batch.item(), flush=True)
"""


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
def test_workers_die_with_their_parent():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as parent:
        worker = int(parent.stdout.readline())
        assert alive(worker)
        parent.kill()
    for _ in range(100):
        if not alive(worker):
            break
        time.sleep(0.1)
    assert not alive(worker)


# ---- samplers
def test_samplers():
    seven = range(7)
    stream = tg.Generator().manual_seed(0)
    assert list(data.SequentialSampler(seven)) == list(seven)
    assert sorted(data.RandomSampler(seven, generator=stream)) == list(seven)
    assert Counter(data.RandomSampler(seven, num_samples=14)) == Counter([*seven] * 2)
    assert len(list(data.RandomSampler(seven, replacement=True, num_samples=30))) == 30
    assert sorted(data.SubsetRandomSampler([5, 1, 3])) == [1, 3, 5]
    drawn = Counter(data.WeightedRandomSampler([0, 3, 1], 4000, generator=stream))
    assert drawn[0] == 0 and 2800 < drawn[1] < 3200
    assert list(data.BatchSampler(seven, 3, False)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(data.BatchSampler(seven, 3, True)) == [[0, 1, 2], [3, 4, 5]]
    loader = DataLoader(np.arange(7), batch_sampler=data.BatchSampler([6, 5, 4], 2, False))
    assert [b[0].tolist() for b in loader] == [[6, 5], [4]] and len(loader) == 2
    with pytest.raises(EngineError, match="weight"):
        data.WeightedRandomSampler([-1.0, 2.0], 3)


def test_a_stream_of_samples():
    class Count(data.IterableDataset):
        def __iter__(self):
            return iter(range(5))

    assert [b.tolist() for b in DataLoader(Count(), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in DataLoader(Count(), batch_size=2, drop_last=True)] == [[0, 1], [2, 3]]
    with pytest.raises(EngineError, match="front to back"):
        DataLoader(Count(), num_workers=2)


def test_a_part_of_a_set_in_memory_is_cut_in_one_go():
    part = data.Subset(data.TensorDataset(np.arange(10) * 10), [7, 2, 5])
    assert part.whole and [b[0].tolist() for b in DataLoader(part, batch_size=2)] == [[70, 20], [50]]


# ---- transforms
def test_transforms():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    tensor = transforms.ToTensor()(image)
    assert tensor.shape == (3, 2, 4) and tensor.dtype == tg.float32
    np.testing.assert_allclose(tensor.numpy(), image.transpose(2, 0, 1) / 255, rtol=1e-6)
    steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.25, 1.0)),
                                transforms.RandomHorizontalFlip(1.0), transforms.Lambda(lambda t: t * 2)])
    expected = (image.transpose(2, 0, 1)[..., ::-1] / 255 - 0.5) / np.array([0.5, 0.25, 1.0]).reshape(3, 1, 1) * 2
    np.testing.assert_allclose(steps(image).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert transforms.RandomHorizontalFlip(0.0)(tensor) is tensor


def test_crops_come_from_everywhere():
    image = tg.arange(9).reshape(1, 3, 3)
    tg.manual_seed(0)
    corners = {int(transforms.RandomCrop(2)(image)[0, 0, 0]) for _ in range(60)}
    assert corners == {0, 1, 3, 4}
    assert transforms.RandomCrop((4, 5), padding=1)(image).shape == (1, 4, 5)
    with pytest.raises(EngineError, match="RandomCrop"):
        transforms.RandomCrop(4)(image)


# ---- text
def test_text_is_read_and_what_follows(tmp_path):
    (tmp_path / "text").write_text("hello, world")
    text = data.CharacterText.from_file(tmp_path / "text", 4)
    assert text.characters == " ,dehlorw" and len(text) == 8
    read, follows = text[7]
    assert (text.decode(read), text.decode(follows)) == ("worl", "orld")
    for read, follows in DataLoader(text, batch_size=3, shuffle=True):
        assert read.shape == follows.shape and read[:, 1:].tolist() == follows[:, :-1].tolist()
    with pytest.raises(EngineError, match="'z'"):
        text.encode("zoo")
