"""The contract of views: what is shown is sound, and whatever is done is taken back exactly."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import Raw

from trainset.core.codec import Codec, with_ids
from trainset.core.keys import key_collisions
from trainset.core.model import Annotation, Attribute, Class, Item, Opaque
from trainset.core.protocols import Change, Context, Effect, Key, Modality, View
from trainset.core.scene import Point, Rect, Size, Viewport
from trainset.errors import RecordError
from trainset.testing.contract import ContractError, named, require, sound
from trainset.testing.scenes import check_scene, places

Versions = Mapping[str, Sequence[Annotation]]
_SIZES = (Size(80, 24), Size(20, 8), Size(1, 1))
_UNDO = "undo takes back the last change that was not taken back, redo does it again: exactly"
_IDS = "ids are kept where an object was kept, and never given twice"
_CHANGE = "do returns a Change where annotations changed, and nothing else then"


def check_view(
    make_view: Callable[[], View],
    item: Item,
    versions: Versions,
    context: Context,
    modality: Modality | None = None,
    *,
    sequences: int = 20,
    steps: int = 40,
    seed: int = 0,
) -> None:
    """Check a view on an item whose media it can read; best are versions with several annotations, of several names.

    After the core's commands one by one, `sequences` of `steps` random ones are done, drawn from `seed`: the core's,
    those of the view's keys, and the pointer's, some of them from one point of a shape that is shown to another place; a
    failure names those that led to it. With a `modality`, no edit makes what it finds wrong.
    """
    _check_keys(make_view().keys)
    case = _Case(item, versions, context, modality)
    _check_opening(make_view, case)
    _check_commands(make_view, case)
    _check_selection(make_view, case)
    for number in range(sequences):
        drawn = random.Random(f"{seed}/{number}")
        _check_sequence(_Opened(make_view(), case), drawn, steps)
    for focus in (None, *next(iter(versions.values()), ())):
        view = make_view()
        scene = view.thumbnail(item, focus, Size(20, 8), context)
        check_scene(scene, named(view, "thumbnail") + (f" of {focus.id}" if focus else ""))


def _check_keys(keys: Sequence[Key]) -> None:
    clashes = key_collisions(keys)
    require(
        not clashes,
        f"a key {clashes[0] if clashes else ''}",
        "a view's keys leave the core's alone, and each has one meaning",
    )
    for key in keys:
        require(
            bool(key.command and key.help),
            f"key {key.key!r} has the command {key.command!r} and the help {key.help!r}",
            "a key sends a command, and says in words what it does",
        )


@dataclass(frozen=True)
class _Case:
    """What views are opened with."""

    item: Item
    versions: Versions
    context: Context
    modality: Modality | None = None

    def wrong(self, annotations: Sequence[Annotation]) -> set[str]:
        """The ids of the annotations that the modality finds something wrong with."""
        found = self.modality.check(self.item, annotations) if self.modality else ()
        return {problem.where for problem in found if not problem.note}


@dataclass
class _Opened:
    """A view with an item, and everything that was done to it so far."""

    view: View
    case: _Case
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.view.open(self.case.item, self.case.versions, self.case.context)
        self.ids = {a.id for a in self.view.annotations()}
        self.check()

    def broken(self, what: str, contract: str) -> ContractError:
        """The error that names the commands so far."""
        return ContractError(
            f"{named(self.view)}: {what}" + (f", after {'; '.join(self.done)}" if self.done else ""), contract
        )

    def require(self, kept: bool, broken: str, contract: str) -> None:
        """ContractError that names the commands so far, unless the contract was kept."""
        if not kept:
            raise self.broken(broken, contract)

    def check(self) -> None:
        """What holds at any time: ids, lines, a scene that can be drawn, annotations that can be stored."""
        annotations = self.view.annotations()
        self.require(
            isinstance(annotations, tuple),
            f"annotations() is a {type(annotations).__name__}",
            "annotations() is a tuple",
        )
        try:
            Codec({}).encode(annotations)
        except RecordError as error:
            raise self.broken(
                f"the annotations cannot be stored: {error.message}",
                "what would be decided can be stored: ids of their own, finite numbers",
            ) from error
        lines = self.view.lines()
        listed = [line.id for line in lines if not line.weak]
        self.require(
            sorted(listed) == sorted(a.id for a in annotations),
            f"lines() list {listed} of the annotations {[a.id for a in annotations]}",
            "lines() has every annotation once; what is no annotation yet is weak",
        )
        self.require(
            sum(line.selected for line in lines) < 2, "lines() has several selected", "one object is selected, or none"
        )
        self.require(all(line.text for line in lines), "lines() has one without text", "a line says what the object is")
        whole = self.scene(_SIZES[0], None)
        part = Rect(whole.x + whole.width / 4, whole.y + whole.height / 4, whole.width / 4, whole.height / 4)
        self.scene(_SIZES[1], part)

    def scene(self, size: Size, region: Rect | None) -> Rect:
        """Check a scene; its extent."""
        scene = self.view.scene(Viewport(size, region))
        try:
            check_scene(scene, named(self.view, "scene"))
        except ContractError as error:
            raise self.broken(error.broken, error.contract) from None
        return scene.extent

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Change | Effect | None:
        """Carry out a command, and check what it says it did."""
        before = self.view.annotations()
        told = [
            command,
            *([f"at {at.x:g}, {at.y:g}"] if at else []),
            *([repr(argument)] if argument is not None else []),
        ]
        self.done.append(" ".join(told))
        try:
            result = self.view.do(command, at, argument)
        except Exception as error:
            raise self.broken(
                f"do raises {type(error).__name__}: {error}",
                "a command that cannot be carried out says so in an Effect's message, or does nothing",
            ) from error
        self.require(
            result is None or isinstance(result, Change | Effect),
            f"do returns {result!r}",
            "do returns a Change, an Effect or None",
        )
        if isinstance(result, Change):
            self.require(bool(result.text), "the change has no text", "a change says in words what it did")
        changed = self.view.annotations() != before
        self.require(
            changed == isinstance(result, Change),
            f"do returns {type(result).__name__} where annotations {'changed' if changed else 'did not change'}",
            _CHANGE,
        )
        if changed:
            made = {a.id for a in self.view.annotations()} - {a.id for a in before}
            made -= {a.id for a in self.case.context.objects(self.case.item)}  # an answer has the id of its object
            self.require(
                not made & self.ids, f"a new object has the id {sorted(made & self.ids)}, which was another's", _IDS
            )
            self.ids |= made
            wrong = self.case.wrong(self.view.annotations()) - self.case.wrong(before)
            self.require(
                not wrong,
                f"{sorted(wrong)} are now what the modality finds wrong",
                "an edit that would make no sense is refused in words",
            )
        if isinstance(result, Effect) and result.region is not None:
            self.require(
                sound(result.region, empty=False),
                f"the effect shows the region {result.region!r}",
                "a region is a Rect of finite numbers with an area",
            )
        self.check()
        return result

    def undo(self, change: Change, before: tuple[Annotation, ...]) -> None:
        """Take back a change, which must give the annotations from before it."""
        self._back(self.view.undo, change, before)

    def redo(self, change: Change, after: tuple[Annotation, ...]) -> None:
        """Do a change again, which must give the annotations from after it."""
        self._back(self.view.redo, change, after)

    def _back(self, call: Callable[[Change], None], change: Change, wanted: tuple[Annotation, ...]) -> None:
        self.done.append(f"{call.__name__} of {change.text!r}")
        call(change)
        self.require(
            self.view.annotations() == wanted, f"the annotations are {self.view.annotations()!r}, not {wanted!r}", _UNDO
        )

    def back_and_forth(self, changes: Sequence[tuple[Change, tuple[Annotation, ...]]]) -> None:
        """Undo and redo changes, each with the annotations from before it."""
        states = [*(before for _, before in changes), self.view.annotations()]
        for change, before in reversed(changes):
            self.undo(change, before)
        self.check()
        for (change, _), after in zip(changes, states[1:], strict=True):
            self.redo(change, after)
        self.check()


def _check_opening(make_view: Callable[[], View], case: _Case) -> None:
    opened = _Opened(make_view(), case)
    first = tuple(next(iter(case.versions.values()), ()))
    opened.require(
        opened.view.annotations() == first or with_ids(first) != first,
        f"opens {first!r} as {opened.view.annotations()!r}",
        "the first version is what is edited: opening it gives nothing but ids, where they are missing",
    )
    _check_keys(opened.view.keys)
    for size in _SIZES:
        opened.scene(size, None)
    _Opened(make_view(), replace(case, versions={}))
    strange = Opaque(id="o1", kind="nobody.knows", raw=Raw(b'{"type":"nobody.knows","id":"o1"}'))
    with_strange = _Opened(make_view(), replace(case, versions={"model": (*first, strange)}))
    with_strange.require(
        strange in with_strange.view.annotations(),
        "an annotation of a type that no plugin knows is gone",
        "what a view cannot show it keeps as it is",
    )


def _check_selection(make_view: Callable[[], View], case: _Case) -> None:
    opened = _Opened(make_view(), case)
    ids = {a.id for a in opened.view.annotations()}
    for name in sorted(ids):
        opened.do("select", None, name)
        opened.require(
            _selected(opened.view) == name,
            f"{_selected(opened.view)!r} is selected",
            "`select` selects the object of this id",
        )
    for command in ("next", "previous"):
        seen = []
        for _ in ids:
            opened.do(command)
            seen.append(_selected(opened.view))
        opened.require(
            set(seen) == ids,
            f"{command!r} goes through {seen} of {sorted(ids)}",
            "`next` and `previous` select the objects in turn",
        )
    before = _selected(opened.view)
    for annotation in (a for version in case.versions.values() for a in version):
        opened.do("reveal", None, annotation)
    opened.require(
        _selected(opened.view) == before,
        f"{_selected(opened.view)!r} is selected after `reveal`",
        "`reveal` goes to where an annotation of whichever version is, and selects nothing",
    )


def _selected(view: View) -> str | None:
    return next((line.id for line in view.lines() if line.selected), None)


def _check_commands(make_view: Callable[[], View], case: _Case) -> None:
    """Each of the core's commands on each object, undone and redone."""
    task = case.context.task
    fresh = _Opened(make_view(), case)
    fresh.require(
        not isinstance(fresh.do("no-command-of-this-view"), Change), "an unknown command changes annotations", _CHANGE
    )
    for name in (label.id for label in task.labels if label.retired):
        fresh.require(
            not isinstance(fresh.do("label", None, name), Change),
            f"the retired label {name!r} is given",
            "only labels that are in force are given",
        )
    fresh.require(
        not isinstance(fresh.do("label", None, "no-label-of-the-task"), Change),
        "a label is given that the task lacks",
        "only the task's labels are given",
    )
    for annotation in fresh.view.annotations():
        for label in task.active:
            opened, change, before = _edit(make_view, case, annotation.id, "label", label.id)
            if not isinstance(annotation, Class | Opaque):
                opened.require(
                    {a.id for a in opened.view.annotations()} == {a.id for a in before}, "a label changes ids", _IDS
                )
                given = next((a.label for a in opened.view.annotations() if a.id == annotation.id), None)
                opened.require(
                    given == label.id,
                    f"{annotation.id!r} has the label {given!r}",
                    "`label` gives the selected object this label",
                )
            opened.back_and_forth([(change, before)] if change else [])
        opened, change, before = _edit(make_view, case, annotation.id, "delete", None)
        left = tuple(a for a in before if a.id != annotation.id)
        opened.require(
            change is not None and opened.view.annotations() == left,
            f"`delete` leaves {opened.view.annotations()!r}",
            "`delete` takes away the selected object, and it alone",
        )
        opened.back_and_forth([(change, before)] if change else [])
        for attribute in task.attributes_of("object", annotation.label):
            value = _values(attribute)[0]
            opened, change, before = _edit(make_view, case, annotation.id, "attribute", (attribute.name, value))
            now = next(
                (a.attributes.get(attribute.name) for a in opened.view.annotations() if a.id == annotation.id), None
            )
            opened.require(
                now == value or isinstance(annotation, Opaque),
                f"the attribute is {now!r}",
                "`attribute` sets a declared attribute of the selected object",
            )
            opened.back_and_forth([(change, before)] if change else [])


def _edit(
    make_view: Callable[[], View],
    case: _Case,
    name: str,
    command: str,
    argument: Any,
) -> tuple[_Opened, Change | None, tuple[Annotation, ...]]:
    """A fresh view in which an object was selected and a command done; its change, and what was before."""
    opened = _Opened(make_view(), case)
    opened.do("select", None, name)
    before = opened.view.annotations()
    result = opened.do(command, None, argument)
    return opened, result if isinstance(result, Change) else None, before


def _check_sequence(opened: _Opened, drawn: random.Random, steps: int) -> None:
    """Commands by chance, with undo and redo between them as a reviewer would; then all the way back and forth."""
    made: list[tuple[Change, tuple[Annotation, ...]]] = []
    undone: list[tuple[Change, tuple[Annotation, ...]]] = []
    view = opened.view
    for _ in range(steps):
        if made and drawn.random() < 0.15:
            change, before = made.pop()
            undone.append((change, view.annotations()))
            opened.undo(change, before)
        elif undone and drawn.random() < 0.3:
            change, after = undone.pop()
            made.append((change, view.annotations()))
            opened.redo(change, after)
        else:
            for command in _drag(opened, drawn) if drawn.random() < 0.2 else [_command(opened, drawn)]:
                before = view.annotations()
                result = opened.do(*command)
                if isinstance(result, Effect) and result.label is not None:
                    chosen = drawn.choice(result.choices)[0] if result.choices else _label(opened, drawn)
                    result = opened.do(result.label, None, chosen)
                if isinstance(result, Change):
                    made.append((result, before))
                    undone.clear()
    opened.back_and_forth(made)


def _command(opened: _Opened, drawn: random.Random) -> tuple[str, Point | None, Any]:
    """One of the commands that a screen may send."""
    extent = opened.view.scene(Viewport(_SIZES[0])).extent
    at = Point(extent.x + extent.width * drawn.uniform(-0.2, 1.2), extent.y + extent.height * drawn.uniform(-0.2, 1.2))
    ids = [line.id for line in opened.view.lines()]
    commands: list[tuple[str, Point | None, Any]] = [
        ("next", None, None),
        ("previous", None, None),
        ("select", None, drawn.choice([*ids, "no-object", None])),
        ("label", None, _label(opened, drawn)),
        ("recent", None, _label(opened, drawn)),
        ("delete", None, None),
        *((command, at, None) for command in ("press", "drag", "release")),
    ]
    for attribute in opened.case.context.task.attributes_of("object"):
        commands.append(("attribute", None, (attribute.name, drawn.choice([*_values(attribute), None]))))
    keys = [(key.command, drawn.choice([None, at]), key.argument) for key in opened.view.keys]
    return drawn.choice(keys if keys and drawn.random() < 0.5 else commands)


def _drag(opened: _Opened, drawn: random.Random) -> list[tuple[str, Point | None, Any]]:
    """The pointer from what is shown to somewhere near it, or to another point that is shown."""
    scene = opened.view.scene(Viewport(_SIZES[0]))
    shown = [Point(*at) for shape in scene.shapes for at in places(shape).tolist()]
    shown += [Point(t.place.x + t.place.width / 2, t.place.y + t.place.height / 2) for t in scene.tints]
    extent = scene.extent
    start = drawn.choice(shown or [Point(extent.x, extent.y)])
    near = Point(
        start.x + extent.width * drawn.uniform(-0.1, 0.1),
        start.y + extent.height * drawn.uniform(-0.1, 0.1),
    )
    end = drawn.choice([near, near, start, *shown[:1]])
    return [("press", start, None), ("drag", near, None), ("release", end, None)]


def _label(opened: _Opened, drawn: random.Random) -> str:
    return drawn.choice([*(label.id for label in opened.case.context.task.labels), "no-label-of-the-task"])


def _values(attribute: Attribute) -> Sequence[Any]:
    return {"choice": attribute.choices, "number": (0.5, 2.0), "text": ("a", "b"), "flag": (True, False)}[
        attribute.type
    ]
