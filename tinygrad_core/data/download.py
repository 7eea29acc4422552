"""Files from the network: checked, resumed where a transfer broke off, and clear about what to do without one."""
from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ..errors import EngineError

_CHUNK = 1 << 16
_TIMEOUT = 30       # seconds without a byte


class DownloadError(EngineError):
    """A file that could not be had, or is not what it should be."""


def download(urls: Sequence[str], path: str | os.PathLike[str], md5: str) -> Path:
    """Fetch a file from the first of `urls` that has it, unless it is there already.

    The file appears under its name only when it is whole and its checksum is right. What a broken transfer
    left is kept beside it, as `*.part`, and continued the next time.

    Args:
        urls: where it may be had, best first.
        path: where it shall lie.
        md5: its checksum, in hexadecimal.
    """
    from http.client import HTTPException

    path = Path(path)
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    failures = []
    for url in urls:
        try:
            if not part.exists() or checksum(part) != md5:      # whole, where only the renaming was missed
                _fetch(url, part)
        except (OSError, HTTPException) as error:
            if getattr(error, "code", None) == 416:             # no such range: what lies here is of another file
                part.unlink()
            failures.append(f"  {url}: {getattr(error, 'reason', None) or error}")
            continue
        if checksum(part) == md5:
            os.replace(part, path)
            return path
        part.unlink()
        failures.append(f"  {url}: what came has another checksum than it should; it was thrown away")
    raise DownloadError(f"{path.name} could not be downloaded:\n" + "\n".join(failures) +
                        f"\nWithout a network, get the file on another machine and put it at {path}. "
                        "data.digits() needs no download.")


def checksum(path: Path) -> str:
    """The MD5 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def _fetch(url: str, part: Path) -> None:
    """Write what `url` holds to `part`, going on where an earlier try stopped."""
    from urllib.request import Request, urlopen

    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "tinygrad_core", **({"Range": f"bytes={have}-"} if have else {})}
    with urlopen(Request(url, headers=headers), timeout=_TIMEOUT) as answer:
        resumed = have and answer.status == 206
        size = answer.headers.get("Content-Length")
        expected = int(size) + (have if resumed else 0) if size else None
        with open(part, "ab" if resumed else "wb") as file, _progress(part.stem, expected) as bar:
            bar.update(have if resumed else 0)
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    if expected is not None and part.stat().st_size < expected:
        raise OSError(f"the transfer broke off after {part.stat().st_size} of {expected} bytes; call again to go on")


def _progress(name: str, total: int | None) -> Any:
    """A progress bar where tqdm is installed, otherwise something that counts nothing."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return nullcontext(SimpleNamespace(update=lambda n: None))
    return tqdm(total=total, desc=name, unit="B", unit_scale=True, unit_divisor=1024)
