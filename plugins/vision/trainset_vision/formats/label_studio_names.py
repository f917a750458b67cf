"""Which image a task of Label Studio shows: the file names that an address may stand for."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from trainset_vision.formats.pictures import relative
from trainset_vision.modality import SUFFIXES

_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")
"""Label Studio puts eight hexadecimal digits before the name of what is uploaded."""

_KEYS = ("image", "img", "url", "picture", "photo", "file")


def address_of(data: Mapping[str, Any]) -> str | None:
    """The image among a task's data: what looks like the address of one, that under a usual key first."""
    texts = {key: value for key, value in data.items() if isinstance(value, str) and value}
    ordered = [key for key in _KEYS if key in texts] + [key for key in texts if key not in _KEYS]
    images = [key for key in ordered if PurePosixPath(_path(texts[key])).suffix.lower() in SUFFIXES]
    usual = [key for key in ordered if key in _KEYS]
    return next((texts[key] for key in (*images, *usual)), None)


def names_of(address: str) -> list[str]:
    """The names that the image at an address may have: the ends of its path, the longest first, and that without the digits
    that an upload got (`a.jpg` of `…/upload/1/ab12cd34-a.jpg`)."""
    path = relative(_path(address))
    parts = path.split("/")
    uploaded = _UPLOADED.fullmatch(parts[-1])
    return ["/".join(parts[n:]) for n in range(len(parts))] + ([uploaded[1]] if uploaded else [])


def original(address: str) -> str:
    """The name that the file at an address had before it was uploaded, as far as that can be told."""
    path = relative(_path(address))
    uploaded = _UPLOADED.fullmatch(path.rpartition("/")[2]) if "upload" in address else None
    return uploaded[1] if uploaded else path


def _path(address: str) -> str:
    """The path in an address: of a local file its `d`, of a proxied one that of what it stands for."""
    if "://" not in address and not address.startswith("/"):
        return unquote(address.partition("?")[0]) if "%" in address or "?" in address else address
    try:
        parts = urlsplit(address)
        query = parse_qs(parts.query)
    except ValueError:
        return address
    if "local-files" in parts.path and "d" in query:
        return query["d"][0]
    if "fileuri" in query:
        try:
            inner = base64.urlsafe_b64decode(query["fileuri"][0] + "==").decode()
        except (binascii.Error, ValueError):
            return unquote(parts.path)
        return _path(inner) if "fileuri" not in inner else inner
    return unquote(parts.path)
