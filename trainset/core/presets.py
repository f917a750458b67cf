"""Key presets: for keyboards on which some of the usual keys are hard to reach, and for one hand alone.

A preset gives commands keys besides or instead of their own, by the names that settings know them by; what is not in it
stays. Names of views that are not installed do nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Preset = Literal["qwerty", "qwertz", "azerty", "left-hand", "numpad"]
Place = Literal["item", "grid", "adjudicate"]
Table = Mapping[str, tuple[str, ...]]

_TOP_ROW = "&é\"'(-è_çà"
"""AZERTY's digits without Shift, from 1 to 0."""


def _digits(command: str, count: int = 10) -> dict[str, tuple[str, ...]]:
    return {f"{command} {n}": (str((n + 1) % 10), _TOP_ROW[n]) for n in range(count)}


# The two keys after 0 zoom, as on QWERTY; those after M do what parentheses did, which are digits now.
_AZERTY_ZOOM: Table = {"zoom 0.8": ("+", "="), "zoom 1.25": (")",)}

PRESETS: Mapping[Preset, Mapping[Place, Table]] = {
    "qwerty": {},
    # "/" and "?" need Shift there, and ";" moved away from the little finger
    "qwertz": {
        "item": {"comment": (";", "ö"), "jump": ("/", "#"), "help": ("?", "ß")},
        "grid": {"find-group": ("/", "#"), "help": ("?", "ß")},
        "adjudicate": {"comment": (";", "ö"), "jump": ("/", "#"), "help": ("?", "ß")},
    },
    "azerty": {
        "item": {
            **_digits("relabel"),
            **_AZERTY_ZOOM,
            "brush-size -1": ("ù",),
            "brush-size 1": ("*",),
            "jump": ("/", "!"),
        },
        "grid": {**_digits("relabel"), "find-group": ("/", "!")},
        "adjudicate": {**_digits("take", 9), **_AZERTY_ZOOM, "jump": ("/", "!")},
    },
    # The other hand is on the mouse, which draws and moves.
    "left-hand": {
        "item": {
            "undo": ("u", "ctrl+z"),
            "redo": ("U", "ctrl+r"),
            "go 1": ("n", "ctrl+f"),
            "go -1": ("p", "ctrl+b"),
            "nothing": ("N", "Z"),
            "overlays": ("o", "`"),
            "inspect": ("i", "ctrl+e"),
        },
        "grid": {
            "undo": ("u", "ctrl+z"),
            "redo": ("U", "ctrl+r"),
            "go 1": ("pagedown", "ctrl+f"),
            "go -1": ("pageup", "ctrl+b"),
            "accept": ("enter", "ctrl+d"),
        },
        "adjudicate": {
            "undo": ("u", "ctrl+z"),
            "redo": ("U", "ctrl+r"),
            "go 1": ("n", "ctrl+f"),
            "go -1": ("p", "ctrl+b"),
            "nothing": ("N", "Z"),
            "overlays": ("o", "`"),
            "pick -1": ("left", "h", "A"),
            "pick 1": ("right", "l", "D"),
        },
    },
    # Digits and Enter are there already; = and _ zoom, as + and - are taken.
    "numpad": {
        "item": {
            "next": ("tab", "+"),
            "undo": ("u", "-"),
            "reject": ("x", "*"),
            "skip": ("s", "/"),
            "delete": ("d", "."),
            "zoom 0.8": ("=",),
            "zoom 1.25": ("_",),
            "jump": ("backslash",),
        },
        "grid": {
            "go 1": ("pagedown", "+"),
            "undo": ("u", "-"),
            "toggle": ("space", "*"),
            "remove": ("D", "."),
        },
        "adjudicate": {
            "next": ("tab", "+"),
            "undo": ("u", "-"),
            "both": ("b", "*"),
            "skip": ("s", "/"),
            "neither": ("d", "."),
            "zoom 0.8": ("=",),
            "zoom 1.25": ("_",),
            "jump": ("backslash",),
        },
    },
}
"""By name and screen: the keys that commands have, as settings write them."""
