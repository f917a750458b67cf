"""What belongs to this machine and not to the dataset: where sources and models lie, and who sits here."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from trainset.core.config import replace_file
from trainset.errors import ConfigError


class Machine:
    """`local.toml` in a folder of Git's own, shared by the worktrees of a clone and never committed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "local.toml"

    def _read(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.path}: {error}", hint="mend it, or remove it") from error

    def get(self, table: str, name: str) -> str | None:
        """The value of `name` in a table."""
        value = self._read().get(table, {}).get(name)
        return None if value is None else str(value)

    def set(self, table: str, name: str, value: str) -> None:
        """Set `name` in a table."""
        import tomlkit

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
