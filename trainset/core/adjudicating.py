"""Adjudication: several answers to one item, compared object by object, and one decision on all of them.

A merge is a `View`, so a session walks, undoes and records it as it does any edit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from trainset.core.comparing import COLORS, Difference, headline, mark, sides_in_words
from trainset.core.contrast import Pane, together
from trainset.core.drafts import Draft
from trainset.core.merging import Merge, Pick
from trainset.core.model import Annotation, AttributeValue, Item
from trainset.core.protocols import Change, Context, Effect, Key, View
from trainset.core.queue import Queue
from trainset.core.reviewing import Keeping, RivalDesk
from trainset.core.scene import Line, Point, Rect, Scene, Size, Viewport
from trainset.core.session import Session
from trainset.core.sitting import Notice, Sitting, missing_attribute

_MARGIN = 0.75
"""What is shown around a difference that is looked at closely, as a share of its longer side, on each side."""
_READING = ("select", "label", "attribute", "delete", "recent", "press", "drag", "release", "reveal")
"""Commands of the core's that would edit, or that the merge sends by itself."""


class MergeView:
    """The answers to an item, each in a view of its own, and what is picked of them."""

    keys: Sequence[Key] = ()

    def __init__(self, make_view: Callable[[], View], desk: RivalDesk, with_model: bool = False) -> None:
        self._make_view, self._desk, self.with_model = make_view, desk, with_model
        self._views: dict[tuple[int, str], View] = {}

    def open(self, item: Item, versions: Mapping[str, Sequence[Annotation]], context: Context) -> None:
        """Compare what the desk has of an item; `versions` other than those are not looked at."""
        self._item, self._context, self._task = item, context, context.task
        self._views = {}
        rivals = self._desk.rivals(item, model=self.with_model)
        self.merge = Merge.of(rivals, self._task, item, context.similarity)
        self.at = 0
        self._show()

    # -- what is shown --------------------------------------------------------------------------------------

    @property
    def current(self) -> Difference | None:
        """The object that is looked at."""
        found = self.merge.differences
        return found[self.at] if self.at < len(found) else None

    def _show(self) -> None:
        """Panes for the answers as they are, looking at the current object."""
        merge = self.merge
        self.panes = []
        for n, rival in enumerate(merge.rivals):
            marks = {
                side.id: (mark(d), COLORS[d.facets[0]]) for d in merge.differences if d.facets and (side := d.sides[n])
            }
            name = n, rival.title
            if name not in self._views:
                view = self._make_view()
                view.open(self._item, {rival.title: rival.annotations or ()}, self._context)
                self._views[name] = view
            self.panes.append(Pane(self._views[name], marks))
        self._look()

    def _look(self) -> None:
        current = self.current
        there = next((side for side in current.sides if side), None) if current else None
        for n, pane in enumerate(self.panes):
            pane.look_at(current.sides[n] if current else None, there)

    def place(self) -> Rect | None:
        """Where the current object was last seen, whichever version has it."""
        current = self.current
        sides = enumerate(current.sides if current else ())
        places = [self.panes[n].place(side.id) for n, side in sides if side]
        found = [place for place in places if place]
        return together(found) if found else None

    def scene(self, viewport: Viewport) -> Scene:
        """The first version's; `panes` has all of them."""
        return self.panes[0].scene(viewport) if self.panes else Scene(Rect(0, 0, 1, 1))

    def lines(self) -> Sequence[Line]:
        """The differences, and behind them, weak, what all agree on; each with its sign and what is picked of it."""
        merge = self.merge
        return [
            Line(
                str(n),
                f"{_picked(pick, d)} {mark(d)} {headline(d, merge.rivals, self._task)}",
                COLORS[d.facets[0]] if d.facets else 2,
                n == self.at,
                not d.facets,
            )
            for n, (d, pick) in enumerate(zip(merge.differences, merge.picks, strict=True))
        ]

    def details(self) -> Sequence[str]:
        """What each version says of the current object."""
        return sides_in_words(self.current, self.merge.rivals, self._task) if self.current else ()

    def thumbnail(self, item: Item, focus: Annotation | None, size: Size, context: Context) -> Scene:
        """As the item's own view has it."""
        return self._make_view().thumbnail(item, focus, size, context)

    # -- what is done ---------------------------------------------------------------------------------------

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Change | Effect | None:
        """Walk and pick; what else the item's own view can do is done in every pane, as far as it edits nothing."""
        match command:
            case "next" | "previous":
                return self._walk(1 if command == "next" else -1)
            case "pick":
                return self._pick(self._beside(argument))
            case "both":
                return self._pick(frozenset(self.merge.answers))
            case "neither":
                return self._pick(frozenset())
            case "unpick":
                return self._pick(None)
            case "point" if at is not None:
                return self._point(argument, at)
            case "zoom-object":
                place = self.place()
                return Effect(message="this has no place to zoom to") if place is None else Effect(region=_about(place))
            case "by-hand":
                annotations, attributes = argument
                return self._change("edited by hand", self.merge.edited(annotations, attributes))
            case "model":
                return self._model()
        return None if command in _READING else self._everywhere(command, argument)

    def _walk(self, by: int) -> Effect:
        count = len(self.merge.differences)
        if not count:
            return Effect(message="there is nothing to walk through")
        self.go((self.at + by) % count)
        place = self.place()
        if place is None or all(pane.sees(place) for pane in self.panes):
            return Effect()
        return Effect(region=_about(place))

    def go(self, n: int) -> None:
        """Look at another difference."""
        self.at = n
        self._look()

    def _beside(self, by: int) -> Pick | None:
        """The answer next to the one that is picked, from the outside where none or several are."""
        answers, current = self.merge.answers, self.merge.picks[self.at] if self.current else None
        if not answers:
            return None
        if current is None or len(current) != 1:
            return frozenset((answers[0 if by < 0 else -1],))
        at = answers.index(next(iter(current))) + by
        return frozenset((answers[min(max(at, 0), len(answers) - 1)],))

    def _pick(self, pick: Pick | None) -> Change | Effect | None:
        current = self.current
        if current is None:
            return Effect(message="the versions differ in nothing")
        if pick is not None and len(pick) > 1 and (current.attribute is not None or self.merge.exclusive):
            return Effect(message="only one of them can be right here")
        if pick == self.merge.picks[self.at] and self.merge.draft is None:
            return None
        return self._change(f"{_picked(pick, current)} {headline(current, self.merge.rivals, self._task)}",
                            self.merge.pick(self.at, pick))  # fmt: skip

    def _point(self, n: int, at: Point) -> Change | Effect | None:
        """Take a version's word on the object that its own view finds there; pointed at again, leave it open."""
        view = self.panes[n].view
        view.do("select", None, None)
        for command in ("press", "release"):
            if isinstance(done := view.do(command, at), Change):
                view.undo(done)
        chosen = next((line.id for line in view.lines() if line.selected), None)
        sides = (d.sides[n] if d.sides else None for d in self.merge.differences)
        found = next((i for i, side in enumerate(sides) if side and side.id == chosen), None)
        self.go(self.at if found is None else found)
        if found is None or not self.merge.differences[found].facets:
            return Effect()
        pick = frozenset((n,))
        return self._pick(None if self.merge.picks[found] == pick else pick)

    def _model(self) -> Effect:
        rivals = self._desk.rivals(self._item, model=not self.with_model)
        if len(rivals) == len(self.merge.rivals):
            return Effect(message="no model's proposal is at hand")
        self._put((Merge.of(rivals, self._task, self._item, self._context.similarity), 0))
        return Effect(message="picks begin anew: there is another version" if self.with_model else "picks begin anew")

    def _everywhere(self, command: str, argument: Any) -> Effect | None:
        first: Effect | None = None
        for pane in self.panes:
            result = pane.view.do(command, None, argument)
            if isinstance(result, Change):
                pane.view.undo(result)
                return Effect(message="versions are only looked at here: e mends by hand")
            first = first or result
        return None if first is None else replace(first, label=None)

    def _change(self, text: str, merge: Merge) -> Change:
        before = (self.merge, self.at)
        self.merge = merge
        return Change(text, (before, (merge, self.at)))

    def _put(self, state: tuple[Merge, int]) -> None:
        other = state[0].rivals != self.merge.rivals
        self.merge, self.at = state
        if other:  # only with the model's proposal, or without it, are there other answers
            self.with_model = not self.with_model
            self._show()
        else:
            self._look()

    def undo(self, change: Change) -> None:
        """Back to what was picked before."""
        self._put(change.data[0])

    def redo(self, change: Change) -> None:
        """On to what was picked then."""
        self._put(change.data[1])

    def annotations(self) -> tuple[Annotation, ...]:
        """What is picked."""
        return self.merge.annotations


def _picked(pick: Pick | None, difference: Difference) -> str:
    if pick is None:
        return "·"
    said = [n + 1 for n in sorted(pick)]
    return "–" if not said else "✓" if not difference.facets else "+".join(map(str, said))


def _about(place: Rect) -> Rect:
    margin = _MARGIN * max(place.width, place.height, 1e-6)
    return Rect(place.x - margin, place.y - margin, place.width + 2 * margin, place.height + 2 * margin)


class AdjudicationSession(Session):
    """Takes an adjudicator through disputed items. With `stands` the first version is a decision of their own: accepting
    it, or picking nothing, writes nothing."""

    def __init__(
        self,
        desk: RivalDesk,
        make_view: Callable[[], View],
        context: Context,
        *,
        min_look: float = 0.15,
        queue: Queue | None = None,
        stands: bool = False,
        **more: Any,
    ) -> None:
        self.stands = stands
        self.rival_desk = desk
        super().__init__(
            desk, lambda: MergeView(make_view, desk, stands), context, min_look=min_look, queue=queue, **more
        )

    @property
    def comparison(self) -> MergeView | None:
        """What is compared of the present item."""
        return cast(MergeView, self.sitting.view) if self.sitting and self.sitting.view else None

    def accept(self) -> None:
        """Decide what is picked, once every difference is settled: `accepted` where it is what a version says."""
        sitting, view = self._ready(), self.comparison
        if sitting is None or view is None:
            return
        merge = view.merge
        picked = any(pick is not None for d, pick in zip(merge.differences, merge.picks, strict=True) if d.facets)
        if self.stands and ((not picked and merge.draft is None) or merge.same_as == 0):
            self.keep()
        elif not merge.rivals:
            self.notice = Notice("there is no answer to take: e answers by hand", "refused")
        elif merge.open:
            view.go(merge.open[0])
            text = f"{len(merge.open)} left to settle: ← → pick, b both, d neither, or 1-{len(merge.rivals)} takes all"
            self.notice = Notice(text, "refused")
        else:
            self._settle(merge.annotations, merge.attributes, merge.same_as is not None)

    def take(self, number: int) -> None:
        """Decide that one version is right, all of it."""
        sitting, view = self._ready(), self.comparison
        if sitting is None or view is None:
            return
        if number >= len(view.merge.rivals):
            self.notice = Notice(f"there are {len(view.merge.rivals)} versions", "refused")
            return
        rival = view.merge.rivals[number]
        if self.stands and number == 0:
            self.keep()
        elif rival.annotations is not None:
            self._settle(rival.annotations, rival.attributes, True)
        else:
            assert rival.verdict is not None
            self._decide(sitting, rival.verdict, None)

    def _settle(
        self, annotations: tuple[Annotation, ...], attributes: Mapping[str, AttributeValue], whole: bool
    ) -> None:
        sitting = self.sitting
        assert sitting is not None
        if missing := missing_attribute(self.task, attributes, annotations):
            self.notice = Notice(f"{missing} is required: e opens the item editor", "refused")
            return
        sitting.aside = replace(sitting.aside, attributes=dict(attributes))
        self._decide(sitting, "accepted" if whole else "corrected", annotations)

    def keep(self) -> None:
        """Let the decision that stands stand: there is nothing left to do here."""
        self.sitting = None
        self.notice = Notice("your decision stands")

    # -- what outlives the session --------------------------------------------------------------------------

    def _keep(self, desk: Keeping, sitting: Sitting) -> None:
        """What was edited by hand; picks are quickly made again."""
        view = self.comparison
        if view is not None and view.merge.draft is not None:
            desk.keep_draft(sitting.item, view.merge.annotations, view.merge.attributes, sitting.aside.note)
        else:
            desk.drop_draft(sitting.item.key)

    def drafts(self) -> Sequence[Draft]:
        """Those of items that are in dispute."""
        return [draft for draft in super().drafts() if self._queue.place(draft.item.key) is not None]

    def _go_on(self, sitting: Sitting, draft: Draft) -> None:
        beside = self.notice.text
        self.command("by-hand", (draft.annotations, draft.attributes))
        self.comment(draft.note or "")
        sitting.kept = sitting.steps[-1]
        self.notice = Notice(" · ".join(filter(None, ("your edit is taken up", draft.changed, beside))))

    # -- by hand --------------------------------------------------------------------------------------------

    def draft(self) -> tuple[tuple[Annotation, ...], Mapping[str, AttributeValue]]:
        """What the item editor begins with: what is picked, or the first answer where nothing is."""
        view = self.comparison
        if view is None:
            return (), {}
        merge = view.merge
        start = merge.annotations if len(merge.open) < len(merge.picks) or not merge.picks else ()
        first = next((merge.rivals[n].annotations or () for n in merge.answers), ())
        return start or first, merge.attributes

    def returned(self, editor: Session) -> None:
        """What the item editor decided is part of this session; what it only edited is the merge now."""
        done, sitting = editor.standing, self.sitting
        self.records += editor.records
        left = editor.sitting
        if done:
            self._history += [replace(decision, steps=()) for decision in done]
            self._withdrawn.clear()
            self.notice = editor.notice
            self._advance()
        elif sitting is not None and left is not None and left.item.key == sitting.item.key and left.steps:
            self.command("by-hand", (left.annotations, left.aside.attributes))
            self.comment(left.aside.note or "")
