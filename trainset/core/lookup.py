"""Finding items by the names that other tools' files use for their media."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")


def plain(name: str) -> str:
    """A name as a relative POSIX path in NFC, without what would lead out of a folder."""
    if _PLAIN.fullmatch(name):
        return name
    path = unicodedata.normalize("NFC", name.replace("\\", "/"))
    return "/".join(p for p in path.split("/") if p not in ("", ".", "..") and not p.endswith(":"))


class Names:
    """The keys of items by the names that files use for them."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys: dict[str, list[str]] = {}
        for key in keys:
            base, row = _base(key), key.partition("#")[2]
            for short in {base, row or base.rpartition(".")[0] or base}:
                self._keys.setdefault(short, []).append(key)

    def find(self, name: str, same: Callable[[str], bool] = lambda _: False) -> str | None:
        """The key that this is, else the only one that is this below its source, else the only one that ends in it, else the
        only one whose file name, stem or row it is.

        A name with folders that no key has is not cut down to its file name (`dog/1.jpg` is not `cat/1.jpg`), unless
        that medium is the `same`.
        """
        if not self._keys:
            return None
        wanted = plain(name)
        base = _base(wanted)
        whole = self._keys.get(wanted)
        keys = whole or self._keys.get(base) or self._keys.get(base.rpartition(".")[0] or base) or []
        if wanted in keys:
            return wanted
        ending = [k for k in keys if k.endswith("/" + wanted)]
        whole_path = [k for k in ending if k.partition("/")[2] == wanted]
        if len(only := whole_path or ending) == 1:
            return only[0]
        if ending or len(keys) != 1:
            return None
        return keys[0] if whole or base == wanted or same(keys[0]) else None


def _base(name: str) -> str:
    """A key or name without its folders; a row's key may have slashes of its own."""
    path, mark, row = name.partition("#")
    return path.rpartition("/")[2] + mark + row
