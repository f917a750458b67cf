"""The keys of the screens that list something: the queue, and the tasks of a dataset."""

from __future__ import annotations

from trainset.core.protocols import Key

_MOVES = (
    Key("down", "move", "down", 1),
    Key("up", "move", "up", -1),
    Key("j", "move", "down", 1),
    Key("k", "move", "up", -1),
    Key("pagedown", "page", "a page down", 1),
    Key("pageup", "page", "a page up", -1),
    Key("home", "end", "the first", -1),
    Key("end", "end", "the last", 1),
)

QUEUE_KEYS: tuple[Key, ...] = (
    *_MOVES,
    Key("enter", "open", "review this item, and go on from there"),
    Key("slash", "narrow", "show only what a filter names, such as score < 0.5, or what has a text in its key"),
    Key("backspace", "widen", "show the whole queue again"),
    Key("question_mark", "help", "all keys"),
    Key("escape", "quit", "back to the item, or to the whole queue"),
    Key("Q", "quit", "back to the item, or to the whole queue"),
    Key("q", "quit", "back to the item, or to the whole queue"),
)
"""Of the queue's list, by Textual's names, in the order in which the help lists them."""

HOME_KEYS: tuple[Key, ...] = (
    *_MOVES,
    Key("enter", "open", "review this task"),
    Key("i", "open", "review it item by item", "item"),
    Key("g", "open", "review it in a grid", "grid"),
    Key("d", "open", "settle what is in dispute", "adjudicate"),
    Key("r", "refresh", "count again"),
    Key("question_mark", "help", "all keys"),
    Key("q", "quit", "leave: every decision is already saved"),
    Key("escape", "quit", "leave: every decision is already saved"),
)
"""Of the home screen."""
