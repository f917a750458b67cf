"""Tables of a TOML file as typed settings, and the place of what is wrong in them, named as its author wrote it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from trainset.errors import ConfigError

T = TypeVar("T")

_HEADER = re.compile(r"^\s*\[([^\[\]]+)\]", re.M)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STEP = re.compile(r"\[(\.\.\.|\d+)\]|\.([^.\[`]+)")
_FIELD = re.compile(r"Object (?P<what>contains unknown|missing required) field `(?P<name>[^`]*)`")
_WORDS = {"object": "a table", "str": "text", "array": "a list", "int": "a whole number", "float": "a number",
          "bool": "true or false", "null": "nothing"}  # fmt: skip
DOCS = "docs/configuration.md explains every setting"


class Places:
    """The places of a TOML file: its name, the header of a table that it has, and the rest of the key.

    `Places("trainset.toml", "[tasks.parts]")("tasks", "parts", "seed")` is `trainset.toml: [tasks.parts] seed`.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self._headers = {".".join(part.strip() for part in h.split(".")) for h in _HEADER.findall(text)}

    def __call__(self, *keys: str) -> str:
        """The place of a key, given from the top of the file."""
        names = [key if _BARE.fullmatch(key) else msgspec.json.encode(key).decode() for key in keys]
        depths = range(len(names), 0, -1)
        depth = next((n for n in depths if ".".join(names[:n]) in self._headers), 0)
        header = f"[{'.'.join(names[:depth])}]" if depth else ""
        return f"{self.file}: {' '.join(x for x in (header, '.'.join(names[depth:])) if x)}"


def within(where: str, *keys: str) -> str:
    """The place of a key below another place."""
    rest = ".".join(keys)
    return where if not rest else f"{where} {rest}" if where.endswith("]") else f"{where}.{rest}"


def typed(table: Any, kind: type[T], where: str | Places) -> T:
    """A table as a msgspec Struct; ConfigError names the place and what is expected there."""

    def place(keys: list[str]) -> str:
        return within(where, *keys) if isinstance(where, str) else where(*keys)

    for keys, number in _numbers(table):
        if not math.isfinite(number):
            raise ConfigError(f"{place(keys)}: {number} is no number to set anything to", hint=DOCS)
    try:
        return msgspec.convert(table, type=kind)
    except msgspec.ValidationError as error:
        keys, message = _fault(table, kind, error)
        raise ConfigError(f"{place(keys)}: {message}", hint=DOCS) from error


def _numbers(value: Any) -> Iterator[tuple[list[str], float]]:
    if isinstance(value, Mapping):
        yield from (([key, *keys], number) for key, part in value.items() for keys, number in _numbers(part))
    elif isinstance(value, list | tuple):
        yield from (found for part in value for found in _numbers(part))
    elif isinstance(value, float):
        yield [], value


def _fault(table: Any, kind: Any, error: msgspec.ValidationError) -> tuple[list[str], str]:
    """The keys that lead to what is wrong, and what is expected there.

    msgspec names the fields of structs, but not the keys of mappings: those are found by keeping one at a time.
    """
    message, _, path = str(error).partition(" - at `$")
    keys: list[str] = []
    value, place_in_list = table, ""
    for index, name in _STEP.findall(path):
        if index.isdecimal():
            place_in_list = f"number {int(index) + 1} of the list: "
            break
        key = name or next((k for k in value if _says(_keeping(table, keys, k), kind, error)), None)
        if key is None:
            break
        keys.append(key)
        value = value[key]
    if found := _FIELD.match(message):
        keys.append(found["name"])
        return keys, "there is no such setting" if found["what"].startswith("contains") else "this must be set"
    return keys, place_in_list + _in_words(message)


def _in_words(message: str) -> str:
    """msgspec's message with the types as TOML's users call them."""
    words = re.sub(r"`([^`]*)`", lambda m: re.sub(r"\w+", lambda w: _WORDS.get(w[0], w[0]), m[1]), message)
    return words[:1].lower() + words[1:].replace(" | ", " or ")


def _keeping(table: Any, above: list[str], key: str) -> Any:
    if not above:
        return {key: table[key]}
    return {**table, above[0]: _keeping(table[above[0]], above[1:], key)}


def _says(table: Any, kind: Any, error: msgspec.ValidationError) -> bool:
    try:
        msgspec.convert(table, type=kind)
    except msgspec.ValidationError as other:
        return str(other) == str(error)
    return False
