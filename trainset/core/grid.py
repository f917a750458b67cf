"""One grid review: pages of tiles that share a predicted label, outliers marked on them, and decisions a page at a time.

Pure of any terminal.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec.structs import replace as with_fields

from trainset.core.model import Annotation, Label, Task
from trainset.core.reviewing import Sharing
from trainset.core.session import Session
from trainset.core.sitting import Notice, Ruling, failure, missing_attribute
from trainset.core.tiles import GridDesk, Group, Mark, Name, Order, Sheet, Shown, Tile
from trainset.errors import TrainsetError

MOST = 24
"""Tiles a page: as many as can be told apart at a glance, and as there are letters to mark them with."""

OUTLIER = Mark("rejected")
GONE = Mark("removed")


@dataclass(frozen=True)
class _Step:
    """What one key decided: the decisions, where that was, and what stood for these tiles before and after."""

    group: Group
    order: Order
    tile: Tile
    rulings: tuple[Ruling, ...]
    before: Mapping[Name, Mark | None]
    after: Mapping[Name, Mark | None]
    text: str
    records: tuple[str, ...] = ()


class GridSession:
    """Takes one reviewer through the groups of a desk, a page of at most `size` tiles after the other.

    A page is decided only when all of it has been shown (`shown`) for `min_look` seconds. Pauses beyond `idle` seconds are
    not counted as time on it. `clock` gives seconds.
    """

    def __init__(
        self, desk: GridDesk, *, min_look: float = 0.15, idle: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.desk = desk
        self.notice = Notice()
        self.groups: list[Group] = list(desk.groups())
        self.group: Group | None = self.groups[0] if self.groups else None
        self.order: Order = desk.orders[0]
        self.page: tuple[Shown, ...] = ()
        self.size = MOST
        self.cursor = 0
        self.recent: list[str] = []
        self.records = 0
        """How many records this session wrote, withdrawals among them: what counts in the dataset follows it."""
        self._min_look, self._idle, self._clock = min_look, idle, clock
        self._sheets: dict[tuple[Group, Order], Sheet] = {}
        self._at: dict[tuple[Group, Order], int] = {}
        self._marks: dict[Name, Mark] = {}
        self._standing: dict[Name, Mark] = {}
        self._passed: set[Name] = set()
        self._unseen: frozenset[Name] = frozenset()
        self._done: Counter[Group] = Counter()
        self._history: list[_Step] = []
        self._undone: list[_Step] = []
        self._came_from = self.group
        self._shown_at: float | None = None
        self._seconds, self._touched = 0.0, clock()
        self._company = desk.company if isinstance(desk, Sharing) else None
        self._since = self._company.since() if self._company is not None else None
        if self.group is not None:
            self._go_to(self.group, self._next_open(self.group, 0) or 0)

    # -- what the screen reads ------------------------------------------------------------------------------

    @property
    def task(self) -> Task:
        """The task under review."""
        return self.desk.task

    @property
    def decided(self) -> int:
        """How many tiles this session has decided."""
        return len(self._standing)

    @property
    def undo_depth(self) -> int:
        """How many steps `undo` can go back."""
        return len(self._history)

    @property
    def left(self) -> int:
        """How many tiles of the group this session has not decided; an upper bound where the group's count is one."""
        return max(0, self.group.count - self._done[self.group]) if self.group else 0

    @property
    def number(self) -> int:
        """The number of the page in its group, from 1."""
        return -(-self._start // self.size) + 1

    @property
    def under_cursor(self) -> Shown | None:
        """The tile under the cursor."""
        return self.page[self.cursor] if self.page else None

    def mark_of(self, shown: Shown) -> Mark | None:
        """How a tile is marked; None where Enter accepts it."""
        return self._marks.get(shown.tile.name)

    def standing_of(self, shown: Shown) -> Mark | None:
        """What this session decided of a tile."""
        return self._standing.get(shown.tile.name)

    def labels(self) -> list[Label]:
        """The labels one may give: those lately used first."""
        active = {label.id: label for label in self.task.active}
        return [active[name] for name in dict.fromkeys([*(x for x in self.recent if x in active), *active])]

    def ahead(self) -> Sequence[Shown]:
        """The next page, for loading ahead."""
        if self.group is None:
            return ()
        end = self._start + len(self.page)
        tiles = self._sheet(self.group, self.order).upto(end + self.size)[end : end + self.size]
        return self.desk.show(self.group, tiles, ahead=True)

    def look_around(self) -> bool:
        """Take in what others did meanwhile; whether that changes what there is to tell."""
        if self._company is None:
            return False
        before = self._company.unpushed
        self._company.look()
        return self._company.unpushed != before

    # -- moving ---------------------------------------------------------------------------------------------

    def resize(self, size: int) -> None:
        """Have up to `size` tiles a page, from the one that is first now."""
        size = max(1, min(size, MOST))
        if size != self.size:
            self.size = size
            self._open()

    def shown(self, unseen: Collection[Name] = ()) -> None:
        """All of the page has reached the screen, and can be decided from now on; but for the tiles `unseen`, which could
        not be drawn."""
        if self._shown_at is None:
            self._shown_at = self._clock()
            self._unseen = frozenset(unseen)

    def move(self, by: int) -> None:
        """Move the cursor over the page."""
        self.cursor = max(0, min(self.cursor + by, len(self.page) - 1))

    def go(self, pages: int) -> None:
        """Another page of the group, decided ones included; nothing is written."""
        self._touch()
        if self.group is None:
            return
        start = max(0, self._start + pages * self.size)
        if start == self._start or start >= len(self._sheet(self.group, self.order).upto(start + 1)):
            self.notice = Notice(f"this is the {'last' if pages > 0 else 'first'} page of it")
        else:
            self.notice = Notice()
            self._go_to(self.group, start)

    def turn(self, by: int) -> None:
        """The next group, or the one before."""
        self._touch()
        if self.groups:
            at = self.groups.index(self.group) if self.group in self.groups else -1
            self.choose(self.groups[(at + by) % len(self.groups)])

    def choose(self, group: Group) -> None:
        """Look at a group, where one was in it."""
        self.notice = Notice()
        self._go_to(group, self._at.get((group, self.order), 0))

    def sort(self) -> None:
        """The next order there is, from its beginning."""
        self._touch()
        orders = self.desk.orders
        self.order = orders[(orders.index(self.order) + 1) % len(orders)]
        if self.group is not None:
            start = self._next_open(self.group, 0)
            self._go_to(self.group, 0 if start is None else start)

    def finish(self) -> None:
        """To the items that are decided but for the word that nothing is missing; from there, back."""
        self._touch()
        if self.group is not None and self.group.subject == "completeness":
            if self._came_from is not None:
                self.choose(self._came_from)
            return
        count = self.desk.finished()
        if not count:
            self.notice = Notice("no item has all of its objects decided and waits for this word", "refused")
            return
        self._came_from = self.group
        group = Group("completeness", (), count)
        self._sheets = {key: sheet for key, sheet in self._sheets.items() if key[0] != group}
        self._done[group] = 0
        self.notice = Notice("Enter says of each item that is not marked: nothing is missing on it")
        self._go_to(group, 0)

    @property
    def _start(self) -> int:
        return self._at.get((self.group, self.order), 0) if self.group is not None else 0

    def _sheet(self, group: Group, order: Order) -> Sheet:
        if (group, order) not in self._sheets:
            self._sheets[group, order] = self.desk.sheet(group, order)
        return self._sheets[group, order]

    def _go_to(self, group: Group | None, start: int, cursor: int = 0) -> None:
        self.group = group
        if group is not None:
            self._at[group, self.order] = start
        self._open()
        self.cursor = min(cursor, max(0, len(self.page) - 1))

    def _open(self) -> None:
        self._shown_at = None
        self._unseen = frozenset()
        self._seconds, self._touched = 0.0, self._clock()
        self.page = ()
        if self.group is not None:
            tiles = self._sheet(self.group, self.order).upto(self._start + self.size)
            self.page = self._free(self.desk.show(self.group, tiles[self._start : self._start + self.size]))
        self.cursor = min(self.cursor, max(0, len(self.page) - 1))

    def _free(self, page: Sequence[Shown]) -> tuple[Shown, ...]:
        """A page as it is shown here: what somebody else has open is theirs to decide."""
        if self._company is None:
            return tuple(page)
        held = self._company.hold(list(dict.fromkeys(shown.item.key for shown in page)))
        who = {key: f"is open: {name} has it" for key, name in held.items()}
        return tuple(replace(shown, taken=shown.taken or who.get(shown.item.key, "")) for shown in page)

    def _next_open(self, group: Group, start: int) -> int | None:
        """The first place from `start` on whose tile is neither decided nor passed, and which nobody else looks at or has
        decided meanwhile."""
        sheet, theirs = self._sheet(group, self.order), set[str]()
        if self._company is not None and self._since is not None:
            theirs = {*self._company.open_elsewhere(), *self._since.settled}
        while len(tiles := sheet.upto(start + self.size)) > start:
            for at in range(start, len(tiles)):
                name = tiles[at].name
                if name not in self._standing and name not in self._passed and name[0] not in theirs:
                    return at
            start = len(tiles)
        return None

    def _advance(self) -> None:
        """To what is open: ahead in the group, in the groups behind it, in those before it, and what was left out here."""
        if self.group is None:
            return
        ahead = self._next_open(self.group, self._start + len(self.page))
        if ahead is not None:
            self._go_to(self.group, ahead)
            return
        own = self.groups.index(self.group) if self.group in self.groups else -1
        for group in (*self.groups[own + 1 :], *self.groups[: own + 1]):
            start = self._next_open(group, 0)
            if start is not None:
                self.notice = replace(self.notice, text=f"{self.notice.text} · now {group.title(self.task)}")
                self._go_to(group, start)
                return
        self._go_to(self.group, len(self._sheet(self.group, self.order).upto(self._start + len(self.page))))

    # -- marking --------------------------------------------------------------------------------------------

    def mark(self, number: int) -> None:
        """Mark the tile with this number on the page (from 0) as an outlier, or take its mark away."""
        if (shown := self._pick(number)) is not None:
            self._toggle(shown, OUTLIER)

    def remove(self) -> None:
        """Mark the object under the cursor as one that is not there, or take that mark away."""
        if (shown := self._pick(self.cursor)) is None:
            return
        if shown.tile.object is None or self.task.on:
            self.notice = Notice(
                "only an object can be said not to be there: a letter marks, O opens the item", "refused"
            )
        else:
            self._toggle(shown, GONE)

    def label(self, label: str) -> None:
        """Give the tile under the cursor this label instead; what is predicted takes its mark away."""
        if (shown := self._pick(self.cursor)) is None:
            return
        if shown.labelled is None:
            self.notice = Notice("there is not one label to change here: O opens the item", "refused")
            return
        self.recent = [label, *(x for x in self.recent if x != label)][:5]
        if shown.labelled.label == label:
            self._marks.pop(shown.tile.name, None)
        else:
            self._marks[shown.tile.name] = Mark("corrected", label)

    def _pick(self, number: int) -> Shown | None:
        self._touch()
        self.notice = Notice()
        if not 0 <= number < len(self.page):
            return None
        self.cursor = number
        shown = self.page[number]
        if shown.taken and shown.tile.name not in self._standing:
            self.notice = Notice(f"{shown.item.key} {shown.taken}: O opens the item", "refused")
            return None
        return shown

    def _toggle(self, shown: Shown, mark: Mark) -> None:
        if self._marks.pop(shown.tile.name, None) != mark:
            self._marks[shown.tile.name] = mark

    # -- deciding -------------------------------------------------------------------------------------------

    def accept(self) -> None:
        """Decide the page: each marked tile as it is marked, every other one accepted. Then on to what is open."""
        self._touch()
        if self.group is None or not self.page:
            return
        if self._shown_at is None or self._clock() - self._shown_at < self._min_look:
            self.notice = Notice("too quick: not all of the page was on the screen, and nothing was written", "refused")
            return
        wanted = [(shown, self._wanted(shown)) for shown in self.page]
        said = [(shown, mark) for shown, mark in wanted if mark not in (None, self._standing.get(shown.tile.name))]
        held = sum(mark is None for _, mark in wanted)
        if said and not self._decide([(shown, mark) for shown, mark in said if mark is not None]):
            return
        self._passed |= {shown.tile.name for shown, mark in wanted if mark is None}
        text = self.notice.text if said else "nothing new on this page: nothing was written"
        self.notice = Notice(f"{text} · {held} left as they are" if held else text, "saved" if said else "info")
        self._advance()

    def _wanted(self, shown: Shown) -> Mark | None:
        """What is to be said of a tile; None where nothing can be."""
        name, mark = shown.tile.name, self._marks.get(shown.tile.name)
        if name in self._unseen or (shown.taken and name not in self._standing):
            return None
        if self.group is not None and self.group.subject == "completeness":
            return None if mark or missing_attribute(self.task, shown.attributes, ()) else Mark("complete")
        mark = mark or Mark("accepted")
        given = _said(shown, mark) or shown.annotations if mark.verdict in ("accepted", "corrected") else ()
        of_item = shown.attributes if given and shown.tile.object is None else None
        return None if missing_attribute(self.task, of_item, given) else mark

    def _decide(self, said: Sequence[tuple[Shown, Mark]]) -> bool:
        assert self.group is not None
        seconds = round(self._seconds / len(said), 1)
        counts = Counter(mark.verdict for _, mark in said)
        step = _Step(
            self.group,
            self.order,
            self.page[0].tile,
            tuple(_ruling(shown, mark, seconds) for shown, mark in said),
            {shown.tile.name: self._standing.get(shown.tile.name) for shown, _ in said},
            {shown.tile.name: mark for shown, mark in said},
            f"{self.group.title(self.task)}: {', '.join(f'{n} {verdict}' for verdict, n in counts.items())}",
        )
        if not self._record(step):
            return False
        self._undone.clear()
        return True

    def _record(self, step: _Step) -> bool:
        """Write the decisions of a step; when they cannot be written nothing moves and the notice says why."""
        try:
            records = tuple(self.desk.record_all(step.rulings))
        except TrainsetError as error:
            self.notice = failure("not saved", error)
            return False
        self._push(replace(step, records=records))
        self.records += len(records)
        self.notice = Notice(step.text, "saved")
        return True

    def _push(self, step: _Step) -> None:
        self._history.append(step)
        self._put(step.group, step.after)

    def _put(self, group: Group, marks: Mapping[Name, Mark | None]) -> None:
        for name, mark in marks.items():
            self._done[group] += (mark is not None) - (name in self._standing)
            if mark is None:
                self._standing.pop(name, None)
            else:
                self._standing[name] = mark

    def returned(self, session: Session) -> None:
        """An item was opened in a session of its own: what was decided there is undone as a page is, and the page looks
        at what stands now."""
        decisions = session.standing
        self.records += session.records
        shown = self.under_cursor
        if decisions and shown is not None and self.group is not None:
            here = [s.tile.name for s in self.page if s.item.key == shown.item.key]
            before, after = {name: self._standing.get(name) for name in here}, dict.fromkeys(here)
            rulings, records = tuple(d.ruling for d in decisions), tuple(d.record for d in decisions)
            text = f"{shown.item.key} {decisions[-1].verdict}"
            self._push(_Step(self.group, self.order, shown.tile, rulings, before, after, text, records))
            for name in here:
                self._marks.pop(name, None)
            self._undone.clear()
            self.notice = Notice(text, "saved")
        self._open()

    # -- undo -----------------------------------------------------------------------------------------------

    def undo(self) -> None:
        """Withdraw what the last page (or opened item) decided, all of it, and return there."""
        self._touch()
        if not self._history:
            self.notice = Notice("nothing to undo: a letter takes its own mark away")
            return
        step = self._history[-1]
        try:
            self.desk.withdraw_all([(r.item, record) for r, record in zip(step.rulings, step.records, strict=True)])
        except TrainsetError as error:
            self.notice = failure("not undone", error)
            return
        self.records += len(step.records)
        self._undone.append(self._history.pop())
        self._put(step.group, step.before)
        self._return_to(step)
        self.notice = Notice(f"withdrawn: {step.text}", "saved")

    def redo(self) -> None:
        """Decide again what `undo` withdrew."""
        self._touch()
        if not self._undone:
            self.notice = Notice("nothing to redo")
            return
        step = self._undone[-1]
        self._return_to(step)
        if self._record(step):
            self._undone.pop()
            self._advance()

    def _return_to(self, step: _Step) -> None:
        self.order = step.order
        tiles = self._sheet(step.group, step.order).upto(1)
        at = next((n for n, tile in enumerate(tiles) if tile.name == step.tile.name), 0)
        start = self._at.get((step.group, step.order), 0)
        inside = step.group == self.group and start <= at < start + self.size
        self._go_to(step.group, start if inside else at, at - start if inside else 0)

    def _touch(self) -> None:
        now = self._clock()
        self._seconds += min(now - self._touched, self._idle)
        self._touched = now


def _said(shown: Shown, mark: Mark) -> tuple[Annotation, ...] | None:
    """The annotations of a decision that gives another label; no model's score goes with it."""
    if mark.label is None or shown.labelled is None:
        return None
    return (with_fields(shown.labelled, label=mark.label, score=None),)


def _ruling(shown: Shown, mark: Mark, seconds: float) -> Ruling:
    answers = mark.verdict in ("accepted", "corrected") and shown.tile.object is None
    attributes = (shown.attributes or None) if answers else None
    return Ruling(shown.item, mark.verdict, _said(shown, mark), shown.tile.object, attributes, None, seconds)
