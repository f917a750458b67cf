"""Settings as they are given on the command line: KEY=VALUE, where a key may name a table and VALUE is TOML or text."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from trainset.core.protocols import Recognition
from trainset.errors import UsageError


def merged(found: Mapping[str, Any], given: Sequence[str]) -> dict[str, Any]:
    """Settings, with those that were given in place of theirs. UsageError for what is no setting."""
    out = deepcopy(dict(found))
    for text in given:
        key, mark, value = text.partition("=")
        *tables, last = key.split(".")
        place: Any = out
        for name in tables:
            place = place.setdefault(name, {}) if isinstance(place, dict) else None
        if not mark or not isinstance(place, dict):
            raise UsageError(f"{text!r} is not a setting", hint="such as --set preprocess.fit=stretch")
        place[last] = _value(value)
    return out


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text


def check_answered(path: Path, found: Recognition, settings: Mapping[str, Any]) -> None:
    """UsageError for a question about a model file that no setting answers."""
    for question in found.questions:
        if not _has(settings, question.setting):
            raise UsageError(
                f"{path.name}: {question.text}",
                hint=" or ".join(f"--set {question.setting}={c}" for c in question.choices),
            )


def _has(settings: Mapping[str, Any], dotted: str) -> bool:
    place: Any = settings
    for name in dotted.split("."):
        if not isinstance(place, Mapping) or name not in place:
            return False
        place = place[name]
    return True
