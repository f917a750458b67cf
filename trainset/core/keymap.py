"""Keys as somebody wants them: other keys for commands that are known by name."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from trainset.core.preferences import Binding, Keys
from trainset.core.presets import PRESETS, Place
from trainset.core.protocols import Key
from trainset.errors import ConfigError

_FIXED = {
    "ctrl+c": "it leaves",
    "ctrl+q": "it leaves",
    "ctrl+i": "a terminal sends it as Tab",
    "ctrl+m": "a terminal sends it as Enter",
    "ctrl+left_square_bracket": "a terminal sends it as Escape",
}
_RENAMED = {"solidus": "slash", "reverse_solidus": "backslash", "commercial_at": "at", "hyphen_minus": "minus",
            "plus_sign": "plus", "low_line": "underscore"}  # fmt: skip


def name(key: Key) -> str:
    """What settings call that which a key does: its command, and its argument where it has one (`go -10`, `pan 0 1`)."""
    if key.argument is None:
        return key.command
    parts = key.argument if isinstance(key.argument, tuple | list) else (key.argument,)
    return " ".join([key.command, *map(str, parts)])


def textual_name(text: str) -> str:
    """Textual's name of a key that is given by it or by its character, also behind `ctrl+` and the like."""
    modifiers, plus, last = text.rpartition("+") if len(text) > 1 else ("", "", text)
    if plus and not last:  # "ctrl++"
        modifiers, last = modifiers.removesuffix("+"), "+"
    if len(last) == 1 and not last.isalnum():
        named = unicodedata.name(last, last).lower().replace("-", "_").replace(" ", "_")
        last = _RENAMED.get(named, named)
    return f"{modifiers}+{last}" if modifiers else last


class Keymap:
    """The keys of one screen; `wanted` are the changes, by the names of what they do, on top of those of a `preset`, and
    `place` is where they stand."""

    def __init__(
        self,
        wanted: Mapping[str, Binding] | None = None,
        place: str = "[keys]",
        preset: Mapping[str, Binding] | None = None,
    ) -> None:
        self._place, self._own = place, wanted or {}
        self._wanted = {
            each: tuple(self._checked(each, key) for key in ((keys,) if isinstance(keys, str) else keys))
            for each, keys in {**(preset or {}), **self._own}.items()
        }

    def _checked(self, command: str, text: str) -> str:
        key = textual_name(text)
        if not key or key in _FIXED:
            why = _FIXED.get(key, "it is empty")
            raise ConfigError(f"{self._place} {command}: {text!r} cannot be bound: {why}", hint="choose another key")
        return key

    def bind(self, keys: Sequence[Key]) -> tuple[Key, ...]:
        """These keys with the changes; what has no change stays."""
        if not self._wanted:
            return tuple(keys)
        out: list[Key] = []
        done: set[str] = set()
        for key in keys:
            called = name(key)
            if called not in self._wanted:
                out.append(key)
            elif called not in done:
                done.add(called)
                out += [replace(key, key=new) for new in self._wanted[called]]
        return tuple(out)

    def check(self, *tables: Sequence[Key], others: Callable[[], Sequence[Key]] = tuple) -> None:
        """ConfigError where two commands of the tables have one key now, or a change names no command.

        `others` gives the keys of other views; it is asked only where a change may be meant for one of them.
        """
        known = list(dict.fromkeys(name(key) for table in tables for key in table))
        unknown = [called for called in self._own if called not in known]
        if unknown:
            known += map(name, others())
        for called in unknown:
            if called not in known:
                like = [x for x in known if x.partition(" ")[0] == called] or get_close_matches(called, known, 3, 0.5)
                raise ConfigError(
                    f"{self._place} {called}: there is no such command",
                    hint=f"perhaps {', '.join(map(repr, like))}" if like else "`:` in the review screen lists all",
                )
        taken: dict[str, str] = {}
        for key in (each for table in tables for each in self.bind(table)):
            called, other = name(key), taken.setdefault(key.key, name(key))
            if other != called and {other, called} & set(self._wanted):
                free = other if called in self._wanted else called
                raise ConfigError(
                    f"{self._place}: {key.key} would do both {other!r} and {called!r}",
                    hint=f"give one of them another key, or none: {_quoted(free)} = []",
                )


def keymap(keys: Keys, screen: Place, file: object = "") -> Keymap:
    """What a person wants of one screen's keys; `file` is where they said so."""
    wanted: Mapping[str, Binding] = getattr(keys, screen)
    where = f"{file}: [keys.{screen}]" if file else f"[keys.{screen}]"
    return Keymap(wanted, where, PRESETS[keys.preset].get(screen))


def _quoted(called: str) -> str:
    return f'"{called}"' if " " in called else called


def key_of(keys: Sequence[Key], command: str, argument: Any = None) -> str | None:
    """The first key that does this; None where none does."""
    return next((k.key for k in keys if k.command == command and argument in (None, k.argument)), None)
