"""A desk for grids that keeps its records in lists."""

from dataclasses import dataclass, field

from trainset.core.model import Class, Item, Label, Task
from trainset.core.tiles import Group, Shown, Tile
from trainset.errors import TrainsetError

LABELS = ("cat", "dog", "eel")
TASK = Task(name="kind", type="classify", labels=tuple(Label(id=name, index=i) for i, name in enumerate(LABELS)))


class Sheet(list):
    """Tiles that are found five at a time."""

    found = 0

    def upto(self, count):
        while self.found < min(count, len(self)):
            self.found += 5
        return self[: self.found]


@dataclass
class GridDesk:
    """`predicted` maps item keys to labels, or (key, object) to one for objects."""

    predicted: dict
    task: Task = TASK
    records: list = field(default_factory=list)
    live: dict = field(default_factory=dict)
    taken: dict = field(default_factory=dict)
    attributes: dict = field(default_factory=dict)
    orders: tuple = ("low", "high")
    broken: bool = False

    def groups(self):
        labels = dict.fromkeys(self.predicted.values())
        return [
            Group(self._subject(x), (x,) if x else (), sum(y == x for y in self.predicted.values())) for x in labels
        ]

    def _subject(self, label):
        return "item" if any(isinstance(k, str) for k, x in self.predicted.items() if x == label) else "object"

    def sheet(self, group, order):
        if group.subject == "completeness":
            return Sheet(Tile(key) for key in self._complete())
        label = group.labels[0] if group.labels else ""
        names = [k if isinstance(k, tuple) else (k, None) for k, x in self.predicted.items() if x == label]
        return Sheet(Tile(*name, 0.5) for name in (names if order == "low" else names[::-1]))

    def show(self, group, tiles, *, ahead=False):
        return [self._shown(group, tile) for tile in tiles]

    def _shown(self, group, tile):
        if group.subject == "completeness":
            return Shown(tile, self.item(tile.key), whole=True)
        label = self.predicted[tile.key if tile.object is None else tile.name]
        one = Class(id=tile.object or "p1", label=label, score=0.5) if label else None
        taken = self.taken.get(tile.key, "")
        given = (one,) if one else ()
        return Shown(tile, self.item(tile.key), given, one, one, attributes=self.attributes, taken=taken)

    def _complete(self):
        said = {(r.item.key, r.object) for r in self.live.values() if r.verdict in ("accepted", "corrected", "removed")}
        over = {r.item.key for r in self.live.values() if r.verdict == "complete"}
        keys = dict.fromkeys(key for key, _ in (k for k in self.predicted if isinstance(k, tuple)))
        return [k for k in keys if k not in over and all(n in said for n in self.predicted if n[0] == k)]

    def finished(self):
        return len(self._complete())

    def record_all(self, rulings):
        if self.broken:
            raise TrainsetError("labels: no space left on device", hint="free some space")
        names = [f"r{len(self.records) + n}" for n in range(len(rulings))]
        self.records += rulings
        self.live.update(zip(names, rulings, strict=True))
        return names

    def withdraw_all(self, records):
        if self.broken:
            raise TrainsetError("labels: no space left on device")
        for item, record in records:
            assert self.live.pop(record).item == item

    def said(self):
        """What stands, in the order in which it was said: (key or (key, object), verdict, new label)."""
        return [
            (
                r.item.key if r.object is None else (r.item.key, r.object),
                r.verdict,
                r.annotations[0].label if r.annotations else None,
            )
            for r in self.live.values()
        ]

    # what an item's session asks

    def item(self, key):
        return Item(key=key)

    def state(self, item):
        return "predicted"

    def versions(self, item):
        return {"model": (Class(id="p1", label="cat", score=0.5),)}

    def item_attributes(self, item):
        return {}

    def why(self, item):
        return ["low score"]

    def history(self, item):
        return []

    def record(self, item, verdict, annotations=None, *, attributes=None, note=None, seconds=None):
        from trainset.core.sitting import Ruling

        return self.record_all([Ruling(item, verdict, annotations)])[0]

    def withdraw(self, item, record):
        self.withdraw_all([(item, record)])

    def waiting(self):
        return len(self.predicted)

    def uncommitted(self):
        return len(self.live)
