"""What all widgets share in Python: their front end, their data as text, and the page that holds one of them."""

from __future__ import annotations

import base64
import gzip
import html
import importlib
import json
import math
import os
import re
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from tinygrad_core.recording import Recording, validate

_STATIC = Path(__file__).with_name("static")
_PACK_ABOVE = 16_000  # characters of JSON: small data stays readable in the notebook's file


@cache
def bundle(name: str) -> str:
    """The built front end of one widget."""
    file = _STATIC / f"{name}.js"
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileNotFoundError(
            f"the widget's front end is missing ({file}): install the package again, or build it "
            "with `npm ci && npm run build` in widgets/"
        ) from None


def _gzip(text: str) -> str:
    # mtime=0: the same text always packs to the same bytes, so that saved notebooks do not change.
    return "gzip:" + base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


@cache
def packed(name: str) -> str:
    """The front end of one widget as a module that unpacks itself.

    Jupyter stores a widget's module once for every instance, so it had better be small.
    """
    return (
        f'const packed="{_gzip(bundle(name))}";\n'
        "const bytes=Uint8Array.from(atob(packed.slice(5)),c=>c.charCodeAt(0));\n"
        'const plain=new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));\n'
        "const source=await new Response(plain).text();\n"
        'const url=URL.createObjectURL(new Blob([source],{type:"text/javascript"}));\n'
        "const module=await import(url);\n"
        "URL.revokeObjectURL(url);\n"
        "export default module.default;\n"
    )


def _short(data: Any) -> Any:
    """The same data with floats of seven digits, which is what float32 holds and more than is shown."""
    if isinstance(data, float):
        if not math.isfinite(data):
            return "NaN" if math.isnan(data) else "Infinity" if data > 0 else "-Infinity"
        return float(f"{data:.7g}")
    if isinstance(data, list | tuple):
        return [_short(x) for x in data]
    if isinstance(data, dict):
        return {key: _short(x) for key, x in data.items()}
    return data


def as_text(data: Any) -> str:
    """Data as JSON, packed when it is long; numbers that JSON cannot hold are strings in it."""
    text = json.dumps(_short(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text if len(text) <= _PACK_ABOVE else _gzip(text)


def read_recording(recording: Any, widget: str) -> dict[str, Any]:
    """A recording's data from whatever holds it; raises an error that says what is wrong."""
    if isinstance(recording, Recording):
        data = recording.to_dict()
    elif isinstance(recording, dict):
        data = recording
    elif isinstance(recording, str) and recording.lstrip().startswith("{"):
        data = Recording.from_json(recording).to_dict()
    elif isinstance(recording, (str, os.PathLike)):
        path = Path(recording)
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no recording at {str(path)!r}: give a file that Recording.save wrote, "
                "or the recording itself"
            )
        data = Recording.load(path).to_dict()
    else:
        raise TypeError(
            f"{widget} shows a recording, not {type(recording).__name__}: run the code inside "
            "`with record() as rec:` and pass `rec` (or its dict, its JSON, or a path to it)"
        )
    validate(data)
    return data


def library_of(thing: Any) -> Any:
    """The library that a tensor, or an error about one, comes from; None where it is none that makes tensors."""
    library = importlib.import_module(type(thing).__module__.partition(".")[0])
    return library if hasattr(library, "tensor") else None


class Frame(anywidget.AnyWidget):
    """A widget of this project: a picture with steps, which can be saved as a page of its own.

    A subclass names its front end (`_bundle`) and the traits that its page needs besides `step` (`_saved`).
    `step` counts the steps taken and can be set at any time; negative numbers count from the end.
    """

    _bundle: ClassVar[str]
    _saved: ClassVar[tuple[str, ...]] = ("data",)
    _title: str = "Picture"

    step = traitlets.Int(0, help="how many steps have been taken").tag(sync=True)

    def __init_subclass__(cls, **options: Any) -> None:
        if "_bundle" in vars(cls):
            cls._esm = packed(cls._bundle)
        super().__init_subclass__(**options)

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the widget as one HTML page that works anywhere, without Jupyter and without a network."""
        # Nothing in the data may end the script element it lies in.
        data = re.sub(
            "[<\u2028\u2029]",
            lambda m: f"\\u{ord(m[0]):04x}",
            json.dumps({key: getattr(self, key) for key in ("step", *self._saved)},
                       ensure_ascii=False, allow_nan=False, separators=(",", ":")),
        )
        code = re.sub(r"</(script)", r"<\\/\1", bundle(self._bundle), flags=re.IGNORECASE)
        parts = {"TITLE": html.escape(self._title), "STATE": data, "BUNDLE": code.replace("<!--", "<\\!--")}
        page = (_STATIC / "page.html").read_text(encoding="utf-8")
        path = Path(path)
        path.write_text(re.sub(r"@@(\w+)@@", lambda m: parts[m[1]], page), encoding="utf-8")
        return path
