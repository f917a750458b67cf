"""The one filter grammar of all commands and screens, compiled to SQL over the index.

    state = predicted and (label = screw, nut or score < 0.4) and not split = test

A term is FIELD OP VALUE; several values with commas mean any of them. Fields: key, state, label, was-label, score,
reviewer, run, reason, attribute.NAME, split, group, date. Operators: = != < <= > >=. `*` in a key's value matches any text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from trainset.core.files import short
from trainset.core.model import State
from trainset.errors import UsageError

_TOKEN = re.compile(
    r"""\s*(?:(?P<op><=|>=|!=|=|<|>)|(?P<mark>[(),])|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>[^\s()<>=!,"]+))"""
)
_NUMBER = re.compile(r"-?(\d+(\.\d*)?|\.\d+)(e-?\d+)?", re.ASCII | re.I)
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_HINT = "such as: state = predicted and score < 0.5 and not split = test; docs/where.md has the grammar"


@dataclass(frozen=True)
class Condition:
    """A condition over `item i` and `state s` of one task, with its parameters."""

    sql: str
    values: tuple[object, ...]


def parse(text: str, task: str) -> Condition:
    """The condition that `text` spells for a task; UsageError says where it cannot be understood."""
    if not text.strip():
        return Condition("1", ())
    parser = _Parser(text, task)
    condition = parser.either()
    if parser.token is not None:
        parser.fail(f"{parser.token[1]!r} is not expected there")
    return condition


def quoted(value: str) -> str:
    """A value as a filter spells it, whatever is in it."""
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


DEEPEST, MOST_VALUES = 8, 500
"""What SQLite takes in any build, and plans in well under a second."""

ORDERED = ("key", "score", "date", "run", "split", "group")
"""Fields whose values have an order; of the others one asks only whether they are (or are not)."""


def _like(column: str) -> Callable[[str, str], Condition]:
    return lambda _, value: Condition(f"instr(coalesce({column},''), ?)>0", (f"|{value}|",))


def _state(_: str, value: str) -> Condition:
    states = get_args(State)
    if value not in states:
        raise UsageError(f"--where: {value!r} is not a state", hint=f"there are: {', '.join(states)}")
    return Condition("coalesce(s.state,'unlabelled')=?", (value,))


def _compare(column: str) -> Callable[[str, str], Condition]:
    return lambda op, value: Condition(f"{column} {op} ?", (value,))


def _score(op: str, value: str) -> Condition:
    if not _NUMBER.fullmatch(value):
        raise UsageError(f"--where: a score is a number, not {value!r}", hint=_HINT)
    return Condition(f"s.low {op} ?", (float(value),))


def _check_date(value: str) -> None:
    """UsageError unless `value` is a time in ISO 8601 as far as it is given: a year, a month, a day, a minute."""
    full = value + "0001-01-01T00:00:00Z"[len(value) :]
    try:
        sound = bool(_DATE.fullmatch(full)) and len(value) in (4, 7, 10, 13, 16, 19, 20)
        datetime.fromisoformat(full)
    except ValueError:
        sound = False
    if not sound:
        raise UsageError(
            f"--where: {value!r} is not a date", hint="such as 2026, 2026-11, 2026-11-24 or 2026-11-24T15:30"
        )


def _key(op: str, value: str) -> Condition:
    if "*" in value and op == "=":
        pattern = "".join(f"[{c}]" if c in "?[" else c for c in value)
        return Condition("i.key GLOB ?", (pattern,))
    return Condition(f"i.key {op} ?", (value,))


def _joined(parts: list[Condition], word: str) -> Condition:
    """The parts joined in pairs, and these again: SQLite takes no expression that is a thousand deep."""
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=False)
        rest = parts[-1:] if len(parts) % 2 else []
        parts = [Condition(f"({a.sql} {word} {b.sql})", a.values + b.values) for a, b in pairs] + rest
    return parts[0]


class _Parser:
    def __init__(self, text: str, task: str) -> None:
        self._text, self._task = text, task
        self._at = self._depth = self._values = 0
        self.token: tuple[str, str] | None = None
        self._next()

    def fail(self, why: str) -> None:
        raise UsageError(f"--where {short(self._text, 200)!r}: {why}", hint=_HINT)

    def _next(self) -> None:
        if not self._text[self._at :].strip():
            self.token = None
            return
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            self.fail(f"{self._text[self._at :].strip()[:12]!r} cannot be read")
            return
        self._at = match.end()
        kind = str(match.lastgroup)
        value = match.group(kind)
        self.token = (kind, re.sub(r"\\(.)", r"\1", value) if kind == "quoted" else value)

    def _take(self, *words: str) -> bool:
        if self.token is not None and self.token[0] in ("word", "mark") and self.token[1] in words:
            self._next()
            return True
        return False

    def either(self) -> Condition:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return _joined(parts, "OR")

    def _both(self) -> Condition:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return _joined(parts, "AND")

    def _one(self) -> Condition:
        if self._take("not"):
            inner = self._deeper(self._one)
            return Condition(f"NOT coalesce({inner.sql}, 0)", inner.values)
        if self._take("("):
            inner = self._deeper(self.either)
            if not self._take(")"):
                self.fail("a ) is missing")
            return inner
        return self._term()

    def _deeper(self, read: Callable[[], Condition]) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            self.fail(f"it is nested more than {DEEPEST} deep")
        found = read()
        self._depth -= 1
        return found

    def _term(self) -> Condition:
        field = self._value("a field")
        operator = self.token
        if operator is None or operator[0] != "op":
            self.fail(f"{field!r} needs an operator")
            raise AssertionError
        self._next()
        make = self._field(field)
        op = operator[1]
        if op not in ("=", "!=") and field not in ORDERED:
            self.fail(f"{field} is or is not a value: use = or !=")
        values = [self._value("a value")]
        while self._take(","):
            values.append(self._value("a value"))
        self._values += len(values)
        if self._values > MOST_VALUES:
            self.fail(f"it names more than {MOST_VALUES:,} values")
        found = _joined([make("=" if op == "!=" else op, value) for value in values], "OR")
        return Condition(f"NOT coalesce({found.sql}, 0)", found.values) if op == "!=" else found

    def _value(self, what: str) -> str:
        if self.token is None or self.token[0] not in ("word", "quoted"):
            self.fail(f"{what} is missing" + (f" before {self.token[1]!r}" if self.token else " at the end"))
            raise AssertionError
        value = self.token[1]
        self._next()
        return value

    def _field(self, name: str) -> Callable[[str, str], Condition]:
        task = self._task
        decision = "EXISTS (SELECT 1 FROM decision d JOIN file f ON f.id=d.file WHERE f.present AND d.item=i.id AND d.task=? AND"

        def date(op: str, value: str) -> Condition:
            _check_date(value)
            return Condition(f"{decision} substr(f.started, 1, ?) {op} ?)", (task, len(value), value))

        fields: dict[str, Callable[[str, str], Condition]] = {
            "key": _key,
            "state": _state,
            "label": _like("s.labels"),
            "was-label": lambda _, v: Condition(
                f"({decision} instr(coalesce(d.labels,''), ?)>0) OR EXISTS (SELECT 1 FROM prediction p JOIN file f ON "
                "f.id=p.file WHERE f.present AND p.item=i.id AND p.task=? AND instr(coalesce(p.labels,''), ?)>0))",
                (task, f"|{v}|", task, f"|{v}|"),
            ),
            "score": _score,
            "reviewer": lambda _, v: Condition("instr(' '||coalesce(s.decided_by,'')||' ', ?)>0", (f" {v} ",)),
            "run": _compare("s.run"),
            "reason": lambda _, v: Condition(
                "(instr(coalesce(s.reasons,''), ?)>0 OR EXISTS (SELECT 1 FROM finding n WHERE n.item=i.id AND n.task=? "
                "AND n.rule=?))",
                (f'"{v}', task, v),
            ),
            "split": _compare("i.split"),
            "group": _compare("i.grp"),
            "date": date,
        }
        if name.startswith("attribute."):
            return lambda _, v: Condition("instr(coalesce(s.attrs,''), ?)>0", (f"|{name.partition('.')[2]}={v}|",))
        if name not in fields:
            self.fail(f"there is no field {name!r}; there are {', '.join(fields)} and attribute.NAME")
        return fields[name]
