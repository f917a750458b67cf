"""The keys that the review screen keeps for itself, and the check that a view's own keys leave them alone."""

from __future__ import annotations

from collections.abc import Sequence

from trainset.core.protocols import Key

CORE_KEYS: tuple[Key, ...] = (
    Key("a", "accept", "accept, or save your correction, and go on"),
    Key("enter", "accept", "accept, or save your correction, and go on"),
    Key("x", "reject", "reject the proposal: it goes back to the queue"),
    Key("N", "nothing", "nothing here: reviewed, and empty"),
    Key("f", "flag", "flag it, with a note"),
    Key("s", "skip", "skip: nothing is written"),
    Key("u", "undo", "undo an edit, then the last decision"),
    Key("U", "redo", "redo"),
    Key("n", "go", "next item", 1),
    Key("p", "go", "previous item", -1),
    Key("pagedown", "go", "ten items on", 10),
    Key("pageup", "go", "ten items back", -10),
    Key("tab", "next", "next object"),
    Key("shift+tab", "previous", "previous object"),
    *(Key(str(n % 10), "relabel", f"the {n}. label", n - 1) for n in range(1, 11)),
    Key("t", "find-label", "type to find a label"),
    Key("d", "delete", "delete the object"),
    Key("A", "attributes", "attributes of the object and of the item"),
    Key("semicolon", "comment", "comment on the item"),
    Key("e", "why", "why am I seeing this, and its history"),
    Key("g", "guidelines", "guidelines"),
    Key("i", "inspect", "look closely: the picture over the whole screen, in pixels where the terminal shows them"),
    Key("slash", "jump", "go to an item by a part of its key"),
    Key("Q", "queue", "the queue as a list: filter it, and go to any item of it"),
    Key("home", "home", "all tasks: leave this one, and choose another"),
    Key("o", "overlays", "show or hide overlays"),
    Key("m", "renderer", "other way to draw pictures"),
    Key("F", "fit", "fit the whole item"),
    Key("plus", "zoom", "zoom in", 0.8),
    Key("equals_sign", "zoom", "zoom in", 0.8),
    Key("minus", "zoom", "zoom out", 1.25),
    Key("shift+left", "pan", "pan left", (-1, 0)),
    Key("shift+right", "pan", "pan right", (1, 0)),
    Key("shift+up", "pan", "pan up", (0, -1)),
    Key("shift+down", "pan", "pan down", (0, 1)),
    Key("question_mark", "help", "all keys"),
    Key("colon", "palette", "find a command by its name"),
    Key("ctrl+p", "palette", "find a command by its name"),
    Key("q", "quit", "leave: every decision is already saved"),
)
"""The review screen's own keys, by Textual's names, in the order in which the help lists them."""

RESERVED_KEYS: frozenset[str] = frozenset(
    {key.key for key in CORE_KEYS}
    | {"ctrl+c", "ctrl+q"}  # Textual's own
    | {"ctrl+i", "ctrl+m", "ctrl+left_square_bracket"}  # a terminal sends these as Tab, Enter and Escape
)
"""Keys that no view may claim."""


def key_collisions(keys: Sequence[Key]) -> list[str]:
    """What is wrong with a view's keys, in words: those the core reserves, and those claimed twice."""
    seen: set[str] = set()
    problems = []
    for key in keys:
        if key.key in RESERVED_KEYS:
            problems.append(f"{key.key} ({key.command}) is reserved by the review screen")
        if key.key in seen:
            problems.append(f"{key.key} ({key.command}) is claimed twice")
        seen.add(key.key)
    return problems
