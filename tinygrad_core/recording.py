"""Recordings: the event stream of everything that happened, as plain data with a schema."""
from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from .errors import EngineError

FORMAT, VERSION = "tinygrad-recording", 2      # 2 adds `error` events, `no_grad`, and gradients kept by retain_grad()
WHOLE = 64                      # a value of at most so many elements is recorded whole
_SCHEMA_FILE = Path(__file__).with_name("recording.schema.json")


class RecordingError(EngineError, ValueError):
    """Data that is not a recording, or one that this version cannot read."""


def schema() -> dict[str, Any]:
    """The JSON Schema of a recording."""
    return json.loads(_SCHEMA_FILE.read_text(encoding="utf-8"))


def __getattr__(name: str) -> Any:
    if name == "SCHEMA":
        return schema()
    if name == "record":
        from .recorder import record
        return record
    raise AttributeError(name)


class Recording:
    """What was recorded: `events` in order, the `sources` they point into, and `meta` about the run.

    A recording is plain data: `to_json` and `from_json` lose nothing, and no object of the engine is in it.
    """

    def __init__(self, events: list[dict[str, Any]] | None = None, sources: dict[str, Any] | None = None,
                 meta: dict[str, Any] | None = None):
        self.events = events if events is not None else []
        self.sources = sources if sources is not None else {}
        self.meta = meta if meta is not None else {}

    def to_dict(self) -> dict[str, Any]:
        """The recording as JSON-ready data."""
        return {"format": FORMAT, "version": VERSION, "meta": self.meta, "sources": self.sources,
                "events": self.events}

    def to_json(self) -> str:
        """The recording as a JSON text; not-a-number and infinities are strings in it."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_dict(cls, data: Any) -> Recording:
        """A recording from its data; raises `RecordingError` if it is not one."""
        validate(data)
        return cls(data["events"], data["sources"], data["meta"])

    @classmethod
    def from_json(cls, text: str) -> Recording:
        """A recording from its JSON text."""
        try:
            data = json.loads(text)
        except ValueError as error:
            raise RecordingError(f"this is not a recording: it is not JSON ({error})") from None
        return cls.from_dict(data)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the recording to a file, whole or not at all."""
        path = Path(path)
        part = path.with_name(path.name + ".part")
        part.write_text(self.to_json(), encoding="utf-8")
        os.replace(part, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recording:
        """Read a recording from a file."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"))

    def __len__(self) -> int:
        return len(self.events)

    def __repr__(self) -> str:
        nodes = sum(e["type"] == "define" for e in self.events)
        return f"<recording of {len(self.events)} events, {nodes} nodes>"


def validate(data: Any) -> None:
    """Raise `RecordingError`, in words, unless `data` is a recording that this version can read.

    Checks what a reader relies on. The whole schema, for tools that have a JSON Schema library, is `schema()`.
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise RecordingError(f'this is not a recording: it lacks "format": "{FORMAT}"')
    version = data.get("version")
    if not isinstance(version, int) or version < 1:
        raise RecordingError(f"a recording's version is a whole number from 1 up, this one's is {version!r}")
    if version > VERSION:
        raise RecordingError(f"this recording has version {version}, and this program reads up to {VERSION}: update it")
    for key, kind in (("meta", dict), ("sources", dict), ("events", list)):
        if not isinstance(data.get(key), kind):
            raise RecordingError(f'a recording needs "{key}", a JSON {"array" if kind is list else "object"}')
    defined: set[int] = set()
    for k, event in enumerate(data["events"]):
        _validate_event(k, event, defined)


def _validate_event(k: int, event: Any, defined: set[int]) -> None:
    where = f"event {k}"
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise RecordingError(f'{where} has no "type"')
    if event.get("seq") != k:
        raise RecordingError(f"{where} has the sequence number {event.get('seq')!r}: events must be numbered in order")
    node = event.get("node")
    if event["type"] == "define":
        if not isinstance(node, int) or node in defined:
            raise RecordingError(f"{where} defines node {node!r}: ids are whole numbers, each defined once")
        unknown = [i.get("node") for i in event.get("inputs", []) if i.get("node") not in defined]
        if unknown:
            raise RecordingError(f"{where} ({event.get('op')}) reads node {unknown[0]!r}, which was not defined before")
        defined.add(node)
    elif node is not None and node not in defined:
        raise RecordingError(f"{where} ({event['type']}) is about node {node!r}, which was not defined before it")


# ---- what an event is made of
def value_of(array: Any) -> dict[str, Any]:
    """A value as a recording holds it: whole when small, otherwise its summary.

    The summary has range, mean and standard deviation of the finite elements, counts of not-a-number and
    infinite ones, a histogram of 32 equal bins, and the first 4 by 4 elements of the last two dims.
    """
    import numpy as np

    array = np.asarray(array if isinstance(array, (np.ndarray, np.generic, int, float, bool)) else array.get())
    value: dict[str, Any] = {"shape": list(array.shape), "dtype": str(array.dtype)}
    if array.size <= WHOLE:
        value["data"] = _jsonable(array.tolist())
        return value
    finite = array[np.isfinite(array)].astype(np.float64)
    low, high, mean, std = [float(of(finite)) if finite.size else 0.0 for of in (np.min, np.max, np.mean, np.std)]
    counts, _ = np.histogram(finite, bins=32, range=(low, high if high > low else low + 1.0))
    corner = array[(0,) * max(0, array.ndim - 2)]
    value.update(min=low, max=high, mean=mean, std=std, nan=int(np.isnan(array).sum()), inf=int(np.isinf(array).sum()),
                 histogram={"counts": counts.tolist(), "edges": [low, high]},
                 corner=_jsonable(corner[(slice(4),) * corner.ndim].tolist()))
    return value


def _jsonable(value: Any) -> Any:
    """Nested lists with not-a-number and infinities as strings, which JSON can hold."""
    if isinstance(value, list):
        return [_jsonable(v) for v in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value


def now() -> float:
    """Seconds on the clock that events are timed with."""
    return time.perf_counter()
