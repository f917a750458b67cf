"""The keys of the grid: a letter for each tile of a page, and commands on the keys that are left."""

from __future__ import annotations

from trainset.core.protocols import Key

HINTS = "asdfghjklwertyiopzxcvbnm"
"""The letters that mark tiles, from the home row outwards; `u` and `q` do in a grid what they do everywhere."""

GRID_KEYS: tuple[Key, ...] = (
    *(Key(letter, "mark", "mark this tile as an outlier, or take the mark away", n) for n, letter in enumerate(HINTS)),
    Key("enter", "accept", "decide the page: what is not marked is accepted"),
    Key("space", "toggle", "mark the tile under the cursor"),
    Key("left", "move", "move the cursor", (-1, 0)),
    Key("right", "move", "move the cursor", (1, 0)),
    Key("up", "move", "move the cursor", (0, -1)),
    Key("down", "move", "move the cursor", (0, 1)),
    *(
        Key(str(n % 10), "relabel", "give the tile under the cursor the first … tenth label", n - 1)
        for n in range(1, 11)
    ),
    Key("T", "find-label", "type to find a label for the tile under the cursor"),
    Key("D", "remove", "the object under the cursor is not there"),
    Key("O", "open", "open the item under the cursor, and come back"),
    Key("u", "undo", "withdraw all of the last page, and return to it"),
    Key("U", "redo", "decide it again"),
    Key("pagedown", "go", "next page, deciding nothing", 1),
    Key("pageup", "go", "previous page", -1),
    Key("tab", "turn", "next label", 1),
    Key("shift+tab", "turn", "previous label", -1),
    Key("slash", "find-group", "type to find a label to look at"),
    Key("S", "sort", "another order"),
    Key("C", "finish", "items with all objects decided: is anything missing? And back"),
    Key("E", "why", "why is the item under the cursor here, and its history"),
    Key("G", "guidelines", "guidelines"),
    Key("M", "renderer", "other way to draw pictures"),
    Key("question_mark", "help", "all keys"),
    Key("colon", "palette", "find a command by its name"),
    Key("ctrl+p", "palette", "find a command by its name"),
    Key("home", "home", "all tasks: leave this one, and choose another"),
    Key("q", "quit", "leave: every decision is already saved"),
)
"""The grid's own keys, by Textual's names, in the order in which the help lists them."""
