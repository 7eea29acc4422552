"""What a widget sends to its front end, as data again."""

import base64
import gzip
import json


def data_of(text: str) -> dict:
    """The JSON in a trait, packed or plain."""
    if text.startswith("gzip:"):
        text = gzip.decompress(base64.b64decode(text[5:])).decode()
    return json.loads(text)
