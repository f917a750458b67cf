"""The keys of the adjudication screen."""

from __future__ import annotations

from trainset.core.keys import CORE_KEYS
from trainset.core.protocols import Key

_KEPT = ("N", "f", "s", "u", "U", "n", "p", "pagedown", "pageup", "semicolon", "g", "slash", "o", "m", "F", "plus",
         "equals_sign", "minus", "shift+left", "shift+right", "shift+up", "shift+down", "question_mark", "Q", "home", "q")  # fmt: skip

ADJUDICATE_KEYS: tuple[Key, ...] = (
    *(Key(str(n), "take", f"version {n} is right, all of it", n - 1) for n in range(1, 10)),
    Key("a", "accept", "decide what is picked, and go on"),
    Key("enter", "accept", "decide what is picked, and go on"),
    Key("tab", "next", "next difference"),
    Key("shift+tab", "previous", "previous difference"),
    Key("left", "pick", "take the left version's word on it", -1),
    Key("right", "pick", "take the right version's word on it", 1),
    Key("h", "pick", "take the left version's word on it", -1),
    Key("l", "pick", "take the right version's word on it", 1),
    Key("b", "both", "take both: these are two objects"),
    Key("d", "neither", "take neither: there is no such object"),
    Key("backspace", "unpick", "leave it open again"),
    Key("e", "edit", "mend it by hand in the item editor, and come back"),
    Key("x", "reject", "none of them is right: it goes back to the queue"),
    Key("z", "zoom-object", "zoom to the difference"),
    Key("space", "flip", "show the next version in the same place"),
    Key("v", "layout", "side by side, one above the other, one at a time"),
    Key("M", "model", "show what the model proposed too"),
    Key("E", "why", "why am I seeing this, and its history"),
    *(key for key in CORE_KEYS if key.key in _KEPT),
)
"""In the order in which the help lists them. Other keys are the view's own, as far as they edit nothing."""
