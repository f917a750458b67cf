"""What belongs to this machine and not to the dataset: where sources and models lie, and who sits here."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from trainset.core.config import replace_file
from trainset.core.settings import Places, typed
from trainset.errors import ConfigError

_Tables = dict[str, dict[str, str]]


class Machine:
    """`local.toml` in a folder of Git's own, shared by the worktrees of a clone and never committed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "local.toml"

    def _read(self) -> _Tables:
        try:
            text = self.path.read_text(encoding="utf-8")
            return typed(tomllib.loads(text), _Tables, Places(str(self.path), text))
        except FileNotFoundError:
            return {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.path}: {error}", hint="mend it, or remove it") from error

    def get(self, table: str, name: str) -> str | None:
        """The value of `name` in a table."""
        return self._read().get(table, {}).get(name)

    def set(self, table: str, name: str, value: str) -> None:
        """Set `name` in a table."""
        import tomlkit

        self._read()  # what cannot be read is not written over
        document: Any = (
            tomlkit.parse(self.path.read_text(encoding="utf-8")) if self.path.exists() else tomlkit.document()
        )
        if table not in document:
            document[table] = tomlkit.table()
        document[table][name] = value
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.path, tomlkit.dumps(document))

    @property
    def reviewer(self) -> str | None:
        """Who reviews at this machine: `TRAINSET_REVIEWER`, else what was set."""
        return os.environ.get("TRAINSET_REVIEWER") or self.get("reviewer", "handle")
