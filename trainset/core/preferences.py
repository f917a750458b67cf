"""What one person wants of the review screen, on whichever dataset: `config.toml` in their own configuration folder."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from trainset.core.presets import Preset
from trainset.core.settings import Places, typed
from trainset.errors import ConfigError

DISPLAY = "TRAINSET_DISPLAY"
"""The environment variable that overrules `[display]` key by key: `glyphs=half colours=256`."""

Binding = str | tuple[str, ...]


class Display(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """`[display]`: how pictures reach the terminal; what is "auto" is chosen by the terminal.

    `bytes` is what a cell of a picture may cost on average, in bytes; 0 is as much as it takes. `pace` shows one's own.
    `bell` and `flash` say that a key was refused; `pause_after` reminds of a pause after as many minutes, 0 never.
    """

    glyphs: Literal["auto", "half", "quad", "sextant", "ascii"] = "auto"
    colours: Literal["auto", "24bit", "256", "mono"] = "auto"
    graphics: Literal["auto", "kitty", "sixel", "none"] = "auto"
    bytes: Literal["auto"] | Annotated[int, msgspec.Meta(ge=0)] = "auto"
    theme: str = "trainset"
    pace: bool = True
    bell: bool = True
    flash: bool = True
    pause_after: Annotated[int, msgspec.Meta(ge=0, le=1440)] = 0


class Keys(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """`[keys]`: a preset, how many milliseconds must pass before a deciding key counts (those of the data set, if they
    are more), and for each screen names of commands and the key or keys that are to do them."""

    preset: Preset = "qwerty"
    min_look: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 0
    item: dict[str, Binding] = {}
    grid: dict[str, Binding] = {}
    adjudicate: dict[str, Binding] = {}


class Preferences(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The whole file."""

    display: Display = Display()
    keys: Keys = Keys()


DEFAULT = Preferences()
"""Nothing wanted."""


def place(environ: Mapping[str, str] = os.environ) -> Path:
    """The file: `$XDG_CONFIG_HOME/trainset/config.toml`, by default below `~/.config`."""
    base = environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if Path(base).is_absolute() else Path(environ.get("HOME") or Path.home()) / ".config"
    return folder / "trainset" / "config.toml"


def load(environ: Mapping[str, str] = os.environ) -> Preferences:
    """The file's preferences (the defaults where there is none) with what the environment overrules.

    ConfigError names the file or the variable, the key, and what is expected there.
    """
    path = place(environ)
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        text, table = "", {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}", hint="mend it, or remove it") from error
    found = typed(table, Preferences, Places(str(path), text))
    if DISPLAY not in environ:
        return found
    display = {**msgspec.to_builtins(found.display), **_pairs(environ[DISPLAY])}
    return msgspec.structs.replace(found, display=typed(display, Display, DISPLAY))


def _pairs(text: str) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for word in text.split():
        key, sign, value = word.partition("=")
        if not sign:
            raise ConfigError(f"{DISPLAY}: {word!r} is no key=value", hint="such as 'glyphs=half colours=256'")
        pairs[key] = int(value) if key == "bytes" and value.removeprefix("-").isdecimal() else value
    return pairs
