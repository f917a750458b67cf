"""The keys of the image view. A key does the same in every type that knows what it does."""

from __future__ import annotations

from trainset.plugins import Key

_DIRECTIONS = {"left": ("h", (-1, 0)), "down": ("j", (0, 1)), "up": ("k", (0, -1)), "right": ("l", (1, 0))}

_MOVE = tuple(
    Key(key, "move", f"move {name}: the object, its selected point, or the cursor", by)
    for name, (letter, by) in _DIRECTIONS.items()
    for key in (letter, name)
)
_RESIZE = (
    Key("H", "resize", "narrower", (-1, 0)),
    Key("J", "resize", "taller", (0, 1)),
    Key("K", "resize", "lower", (0, -1)),
    Key("L", "resize", "wider", (1, 0)),
)
_TURN = (Key("r", "turn", "turn clockwise, by 15° or (fine) 1°", 1), Key("R", "turn", "turn the other way", -1))
_FINE = (Key("comma", "fine", "fine steps of 1 px, and back to steps of a cell"),)
_NEW = (Key("b", "add", "new object"), Key("B", "draw", "draw with the mouse, over other objects too"))
_SHOW = (
    Key("z", "zoom-object", "zoom to the object"),
    Key("space", "cycle", "show the models' other and weaker candidates: at the pointer, or in sight"),
    Key("c", "take", "take the candidate"),
)
_SNAP = (Key("G", "snap", "snap to the edges under it, or to the mask"),)
_POINT = (Key("v", "point", "next point of the object", 1), Key("V", "point", "previous point", -1))
_LEAVE = (Key("escape", "let-go", "let go of the point, of a candidate, and of what is being drawn"),)
_HAND = (
    Key("y", "put", "put a point (or the brush) down at the cursor; a point more on the outline"),
    Key("backspace", "back", "take away the selected point, or the last one drawn"),
    Key("w", "finish", "finish what is being drawn, or put the brush away"),
    *_LEAVE,
)
_PROMPT = (
    Key("M", "shape", "have the model draw the object, by the box about it"),
    Key("I", "show", "show the model a place on the object (or a new one): at the pointer, or the cursor", True),
    Key("X", "show", "show the model a place beside the object", False),
)
_RING = (Key("W", "ring", "draw one more ring of the polygon: a part, or a hole"),)
_MASK = (
    Key("E", "erase", "the eraser"),
    Key("left_parenthesis", "brush-size", "smaller brush", -1),
    Key("right_parenthesis", "brush-size", "larger brush", 1),
    Key("less_than_sign", "grow", "shrink the mask by a pixel", -1),
    Key("greater_than_sign", "grow", "grow the mask by a pixel", 1),
    Key("O", "fill", "fill the holes, or only the one under the cursor"),
    Key("D", "split", "divide it into the parts that do not touch"),
    Key("C", "convert", "polygon to mask, mask to polygon"),
    Key("S", "shade", "masks filled, or as outlines"),
)
_KEYPOINTS = (
    Key("P", "find-point", "find a point by its name or number"),
    Key("T", "visibility", "the point is visible, hidden, not labelled"),
)

_REGIONS = (*_MOVE, *_RESIZE, *_TURN, *_FINE, *_NEW, *_POINT, *_HAND, *_RING, *_MASK, *_PROMPT, *_SHOW)

KEYS: dict[str, tuple[Key, ...]] = {
    "box": (*_MOVE, *_RESIZE, *_FINE, *_NEW, *_SNAP, *_PROMPT, *_SHOW, *_HAND),
    "rotated-box": (*_MOVE, *_RESIZE, *_TURN, *_FINE, *_NEW, *_SNAP, *_SHOW, *_LEAVE),
    "polygon": _REGIONS,
    "mask": _REGIONS,
    "polyline": (*_MOVE, *_RESIZE, *_TURN, *_FINE, *_NEW, *_POINT, *_HAND, *_SHOW),
    "keypoints": (*_MOVE, *_RESIZE, *_TURN, *_FINE, *_NEW, *_POINT, *_KEYPOINTS, *_HAND, *_SHOW),
}
"""By the type of the task."""
