"""What a grid session sees of a dataset: groups and tiles, how they stand, and decisions that are durable together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from msgspec.structs import replace as with_fields

from trainset.core.dataset import Dataset, Row
from trainset.core.desk import ReviewDesk, followed
from trainset.core.fold import FINISHED
from trainset.core.model import Annotation, Class, Item, Opaque, Task
from trainset.core.sheets import OF_ITEMS, OF_OBJECTS, Odd, Sheets, StoredSheet
from trainset.core.sitting import Ruling
from trainset.core.tiles import Group, Order, Shown, Tile
from trainset.errors import TrainsetError


class ReviewGridDesk(ReviewDesk):
    """The `GridDesk` of one reviewer on one task. `where` names what to look at, else what is proposed and waits; `odd`
    tells how little items are like each other, where that is known."""

    way = "grid"

    def __init__(self, dataset: Dataset, task: Task, handle: str, where: str = "", odd: Odd | None = None) -> None:
        super().__init__(dataset, task, handle, where)
        self._sheets = Sheets(dataset, task, where, handle)
        self._odd = odd if self._sheets.by_items else None

    def groups(self) -> Sequence[Group]:
        """What there is to look at, by predicted label."""
        return self._sheets.groups()

    @property
    def orders(self) -> Sequence[Order]:
        """By score, as the queue has them, and by likeness where that is known."""
        return ("low", "high", "queue", "odd") if self._odd else ("low", "high", "queue")

    def sheet(self, group: Group, order: Order) -> StoredSheet:
        """The tiles of a group."""
        return StoredSheet(self._sheets, group, order, self._odd)

    def show(self, group: Group, tiles: Sequence[Tile], *, ahead: bool = False) -> Sequence[Shown]:
        """How these tiles stand now."""
        rows: dict[str, Row | None] = {tile.key: self._now(tile.key) for tile in tiles}
        if not ahead:
            self._shown.update((key, row) for key, row in rows.items() if row is not None)
        proposals = {key: self._dataset.answered(self.task, row) or () for key, row in rows.items() if row is not None}
        return [self._face(group, tile, rows[tile.key], proposals.get(tile.key, ())) for tile in tiles]

    def _now(self, key: str) -> Row | None:
        try:
            return self._dataset.row(key, self.task)
        except TrainsetError:  # it was taken out of the dataset
            return None

    def _face(self, group: Group, tile: Tile, row: Row | None, answered: Sequence[Annotation]) -> Shown:
        if row is None:
            return Shown(tile, Item(key=tile.key), taken="is not in the dataset any more")
        shown = Shown(tile, row.item, tuple(answered), attributes=self._dataset.item_attributes(row))
        if group.subject == "completeness":
            return replace(shown, whole=True, taken="" if row.reasons == (FINISHED,) else _stands(row))
        if group.subject == "item":
            return replace(shown, labelled=self._one_label(answered), taken=self._taken(row))
        found = next((a for a in self._dataset.proposal(self.task, row) or () if a.id == tile.object), None)
        if found is None:
            return replace(shown, taken="has another proposal now")
        said = self._sheets.verdicts(row).get(found.id)
        taken = _stands(row) if row.state not in OF_OBJECTS else f"has this object {said}" if said else ""
        if said == "rejected" and self._where:
            taken = ""
        return replace(shown, annotations=(found,), focus=self._place(row, found), labelled=found, taken=taken)

    def _one_label(self, answered: Sequence[Annotation]) -> Annotation | None:
        """What a label of an item as a whole is put on: its one class, or a new one where it has none."""
        if not self._sheets.by_items or len(answered) > 1:
            return None
        one = next(iter(answered), Class())
        return None if isinstance(one, Opaque) else one

    def _taken(self, row: Row) -> str:
        """Why an item as a whole is not to be decided here."""
        return "" if row.state in (OF_ITEMS if self._where else ("predicted", "rejected", "stale")) else _stands(row)

    def _place(self, row: Row, annotation: Annotation) -> Annotation:
        """Where an object is: in a task on another's objects as that task has it, in the words of the answer."""
        objects = self._dataset.objects(self.task, row) if self.task.on else ()
        about = next((a for a in objects if a.id == annotation.id), None)
        return annotation if about is None else with_fields(about, label=annotation.label, score=annotation.score)

    def finished(self) -> int:
        """How many items are decided object by object, of which nobody said yet that nothing is missing."""
        return self._sheets.finished()

    def record_all(self, rulings: Sequence[Ruling]) -> list[str]:
        """Write decisions, all or none; each supersedes what there was when its item was shown, and nothing that others
        wrote meanwhile."""
        rows = {r.item.key: self._shown.get(r.item.key) or self._row(r.item) for r in rulings}
        bodies = [
            self._recorder.compose(
                rows[r.item.key], r.verdict, r.annotations, object=r.object, attributes=r.attributes, note=r.note, seconds=r.seconds
            )
            for r in rulings
        ]  # fmt: skip
        records = self._recorder.write(bodies)
        took = [ruling.seconds or 0.0 for ruling in rulings]
        self.pace.took(self._recorder.file, dict(zip(records, took, strict=True)))
        for ruling, record in zip(rulings, records, strict=True):
            key = ruling.item.key
            rows[key] = self._shown[key] = followed(rows[key], record)
        return records

    def withdraw_all(self, records: Sequence[tuple[Item, str]]) -> None:
        """Take back decisions of the session, all or none."""
        self._recorder.write([self._recorder.withdrawal(item.key, record) for item, record in records])
        self.pace.took_back([record for _, record in records])


def _stands(row: Row) -> str:
    """Where an item stands, in words."""
    by = f" by {', '.join(row.decided_by)}" if row.decided_by else ""
    return f"is {row.state}{by}"
