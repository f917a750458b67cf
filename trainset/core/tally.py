"""What label files hold, counted: records by kind, decisions by task and reviewer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec import Struct, json

from trainset.core.records import UNREADABLE, lines, parse, read_header


@dataclass
class Tally:
    """How many decisions of each (task, reviewer) and of each verdict, records of items, outcomes of runs, migrations,
    and items that were forgotten."""

    decided: Counter[tuple[str, str]] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    items: int = 0
    runs: int = 0
    migrations: int = 0
    forgotten: int = 0

    @classmethod
    def of(cls, files: Iterable[bytes]) -> Tally:
        """Counted over the bytes of label files."""
        found = cls()
        for data in files:
            rows = [line for _, line in lines(data)]
            header = read_header(rows[0]) if rows else None
            if header is None:
                continue
            records = [r[1] for line in rows[1:] if (r := parse(line)) is not None]
            if header.kind == "items":
                found.items += len(records)
            elif header.kind == "runs":
                found.runs += len(records)
            elif header.kind == "migrations":
                found.migrations += len(records)
            elif header.kind == "forgotten":
                found.forgotten += len(records)
            elif header.kind == "decisions":
                found.decided[header.task or "", header.reviewer or ""] += len(records)
                found.verdicts.update(map(_verdict, records))
        return found

    @property
    def people(self) -> Counter[str]:
        """How many decisions of each person (or import), over all tasks."""
        found: Counter[str] = Counter()
        for (_, reviewer), count in self.decided.items():
            if not reviewer.startswith("rule."):
                found[reviewer] += count
        return found

    @property
    def parts(self) -> list[str]:
        """The counts in words, those of people first."""
        people = self.people
        first = [f"{people.total()} decision(s) by {', '.join(sorted(people))}"] if people else []
        return [*first, *self.besides, *([f"{self.items} item record(s)"] if self.items else [])]

    @property
    def besides(self) -> list[str]:
        """The counts in words, but for people's decisions and records of items."""
        counts = {
            "by rules": self.decided.total() - self.people.total(),
            "item(s) pre-labelled": self.runs,
            "change(s) of labels or attributes": self.migrations,
            "item(s) forgotten": self.forgotten,
        }
        return [f"{count} {what}" for what, count in counts.items() if count]


class _Glance(Struct):
    verdict: str


_glance = json.Decoder(_Glance)


def _verdict(body: bytes) -> str:
    try:
        return _glance.decode(body).verdict
    except UNREADABLE:
        return "unreadable"
