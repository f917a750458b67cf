"""The one filter grammar of all commands and screens, compiled to SQL over the index.

    state = predicted and (label = screw, nut or score < 0.4) and not split = test

A term is FIELD OP VALUE; several values with commas mean any of them. Fields: key, state, label, was-label, score,
reviewer, run, reason, attribute.NAME, split, group, date. Operators: = != < <= > >=. `*` in a key's value matches any text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from trainset.core.model import State
from trainset.errors import UsageError

_TOKEN = re.compile(
    r"""\s*(?:(?P<op><=|>=|!=|=|<|>)|(?P<mark>[(),])|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>[^\s()<>=!,"]+))"""
)
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
    try:
        return Condition(f"s.low {op} ?", (float(value),))
    except ValueError:
        raise UsageError(f"--where: a score is a number, not {value!r}", hint=_HINT) from None


def _key(op: str, value: str) -> Condition:
    if "*" in value and op == "=":
        pattern = "".join(f"[{c}]" if c in "?[" else c for c in value)
        return Condition("i.key GLOB ?", (pattern,))
    return Condition(f"i.key {op} ?", (value,))


class _Parser:
    def __init__(self, text: str, task: str) -> None:
        self._text, self._task = text, task
        self._at = 0
        self.token: tuple[str, str] | None = None
        self._next()

    def fail(self, why: str) -> None:
        raise UsageError(f"--where {self._text!r}: {why}", hint=_HINT)

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
        found = self._both()
        while self._take("or"):
            right = self._both()
            found = Condition(f"({found.sql} OR {right.sql})", found.values + right.values)
        return found

    def _both(self) -> Condition:
        found = self._one()
        while self._take("and"):
            right = self._one()
            found = Condition(f"({found.sql} AND {right.sql})", found.values + right.values)
        return found

    def _one(self) -> Condition:
        if self._take("not"):
            inner = self._one()
            return Condition(f"NOT coalesce({inner.sql}, 0)", inner.values)
        if self._take("("):
            inner = self.either()
            if not self._take(")"):
                self.fail("a ) is missing")
            return inner
        return self._term()

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
        parts = [make("=" if op == "!=" else op, value) for value in values]
        sql = " OR ".join(p.sql for p in parts)
        found = Condition(f"({sql})", tuple(v for p in parts for v in p.values))
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
            "date": lambda op, v: Condition(f"{decision} substr(f.started, 1, ?) {op} ?)", (task, len(v), v)),
        }
        if name.startswith("attribute."):
            return lambda _, v: Condition("instr(coalesce(s.attrs,''), ?)>0", (f"|{name.partition('.')[2]}={v}|",))
        if name not in fields:
            self.fail(f"there is no field {name!r}; there are {', '.join(fields)} and attribute.NAME")
        return fields[name]
