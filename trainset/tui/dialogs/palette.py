"""The command palette: everything a screen can do, found by typing, with the keys that do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trainset.core.keymap import name
from trainset.core.model import Label
from trainset.core.protocols import Key
from trainset.tui.dialogs.asking import AskLabel
from trainset.tui.widgets.bars import key_name

_THEME = "theme "


class Palette(AskLabel):
    """Lists what `keys` do (as they were before anybody changed them, so that nothing is out of reach), `bound` being
    those that do it now, and the themes. Answers with a command's name in settings, or `theme NAME`."""

    def __init__(self, keys: Sequence[Key], bound: Sequence[Key], themes: Sequence[str]) -> None:
        doing: dict[str, list[str]] = {}
        for key in bound:
            doing.setdefault(name(key), []).append(key_name(key.key))
        lines: dict[str, str] = {}
        for key in keys:
            by = ", ".join(doing.get(name(key), ()))
            lines.setdefault(name(key), f"{key.help} · {by}" if by else key.help)
        lines |= {f"{_THEME}{theme}": f"use the theme {theme} until you leave" for theme in themes}
        super().__init__([Label(id=id, index=n, name=line) for n, (id, line) in enumerate(lines.items())], "Commands")


def carry_out(
    answer: str | None, keys: Sequence[Key], run: Callable[[Key], None], use_theme: Callable[[str], None]
) -> None:
    """Do what a palette over `keys` answered."""
    if answer is None:
        return
    key = next((key for key in keys if name(key) == answer), None)
    if key is not None:
        run(key)
    else:
        use_theme(answer.removeprefix(_THEME))
