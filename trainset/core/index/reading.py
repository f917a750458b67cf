"""The bytes of one file as rows of the base tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from trainset.core.files import chunks, digest
from trainset.core.index.marks import Glance, bars, glances, marks
from trainset.core.model import Decision, Header, ItemRecord, LotEntry, Migration, Outcome, Prediction, is_item
from trainset.core.records import UNREADABLE, buried, lines, parse, read_end

CHUNK = 500
"""How many lines are taken in at once: few, since an item may hold hundreds of objects."""
Row = tuple[Any, ...]
T = TypeVar("T")
Ids = Callable[[Sequence[str]], dict[str, int]]
"""The numbers of items by key; keys not seen before get one, those of forgotten items have none."""

_prediction = msgspec.json.Decoder(Prediction)
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    "items": msgspec.json.Decoder(ItemRecord),
    "decisions": msgspec.json.Decoder(Decision),
    "runs": msgspec.json.Decoder(Outcome),
    "lots": msgspec.json.Decoder(LotEntry),
    "migrations": msgspec.json.Decoder(Migration),
}
_TABLES = {"items": "item_record", "decisions": "decision", "runs": "outcome", "lots": "lot"}


class Reading:
    """A file's bytes from `start` on. Once its rows were taken, it knows how far it came: where the last complete line
    starts (`last`) and stops (`end`), how many records there were, how many speak of forgotten items, how many lines were
    none, and whether it is sealed."""

    def __init__(self, file: int, data: bytes, start: int, ids: Ids) -> None:
        self._file, self._data, self._start, self._ids = file, data, start, ids
        self.last = self.end = start
        self.records = self.forgotten = self.skipped = 0
        self.sealed = False

    @property
    def tail(self) -> bytes:
        """The last complete line."""
        return self._data[self.last - self._start : self.end - self._start]

    def _lines(self) -> Iterator[list[tuple[int, bytes]]]:
        """(place, line) in portions, noting how far they reach; the header of a label file is among them."""
        for chunk in chunks(lines(self._data), CHUNK):
            offset, line = chunk[-1]
            self.last, self.end = self._start + offset, self._start + offset + len(line) + 1
            yield [(self._start + offset, line) for offset, line in chunk]

    def label_file(self, header: Header) -> Iterator[tuple[str, list[Row]]]:
        """(table, rows) in portions, of a label file with this header."""
        decoder = _DECODERS.get(header.kind)
        for chunk in self._lines():
            found: list[tuple[int, int, str, Any]] = []
            for place, line in chunk:
                if place == 0:  # the header
                    continue
                record = parse(line)
                if record is None:
                    ends = read_end(line) is not None
                    self.sealed, self.skipped = self.sealed or ends, self.skipped + (not ends)
                    continue
                if buried(record[1]):
                    continue
                try:
                    body = decoder.decode(record[1]) if decoder else None
                except UNREADABLE:
                    body = None
                if body is None or (header.kind == "items" and not is_item(body.item)):
                    self.skipped += 1
                else:
                    found.append((place, len(line), record[0], body))
            self.records += len(found)
            if header.kind in _TABLES:
                yield _TABLES[header.kind], list(self._rows(header, found))

    def _rows(self, header: Header, found: Sequence[tuple[int, int, str, Any]]) -> Iterator[Row]:
        file, task = self._file, header.task
        if header.kind == "items":
            ids = self._ids([r.item.key for *_, r in found])
            for o, n, rid, r in self._known(found, ids, [r.item.key for *_, r in found]):
                i = r.item
                yield ids[i.key], file, o, n, rid, " ".join(r.on), r.change, i.split, i.group, i.media, i.size
            return
        ids = self._ids([r.item for *_, r in found])
        for o, n, rid, r in self._known(found, ids, [r.item for *_, r in found]):
            item = ids[r.item]
            if header.kind == "decisions":
                why = r.reason or r.note if r.verdict in ("flagged", "reopened") else None
                run, said = (r.origin.run, r.origin.digest) if r.origin else (None, None)
                objects = json.dumps(r.objects) if r.objects else None
                yield (item, task, file, o, n, rid, r.verdict, r.object, objects, " ".join(r.on), " ".join(r.of), r.media, run, said, why,
                       *marks(r.annotations, r.attributes))  # fmt: skip
            elif header.kind == "runs":
                yield item, task, file, header.run, r.media, " ".join(r.of), r.digest, r.error, r.dropped
            else:
                yield item, task, file

    def _known(self, found: Sequence[T], ids: Mapping[str, int], keys: Sequence[str]) -> Sequence[T]:
        """Of what was found, what is not on a forgotten item."""
        known = (
            [one for one, key in zip(found, keys, strict=True) if key in ids] if len(ids) < len(set(keys)) else found
        )
        self.forgotten += len(found) - len(known)
        self.records -= len(found) - len(known)
        return known

    def predictions(self, task: str, run: str) -> Iterator[tuple[str, list[Row]]]:
        """(table, rows) in portions, of a file of predictions."""
        for chunk in self._lines():
            found: list[tuple[int, int, Prediction, list[Glance]]] = []
            for place, line in chunk:
                try:
                    prediction = _prediction.decode(line)
                    found.append((place, len(line), prediction, glances.decode(prediction.annotations)))
                except UNREADABLE:
                    self.skipped += 1
            self.records += len(found)
            ids = self._ids([p.item for _, _, p, _ in found])
            rows: list[Row] = []
            for place, length, p, seen in self._known(found, ids, [p.item for _, _, p, _ in found]):
                scores = [m.score for m in seen if m.score is not None]
                rows.append((ids[p.item], task, self._file, place, length, run, digest(p.annotations), min(scores, default=None),
                             max(scores, default=None), *bars(seen, {})))  # fmt: skip
            yield "prediction", rows
