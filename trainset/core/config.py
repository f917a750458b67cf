"""`trainset.toml`: read into typed settings with tomllib, edited with tomlkit so that comments stay."""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from trainset.core.files import digest
from trainset.core.model import Assign, Attribute, Label, RuleConfig, Task, Unit
from trainset.core.names import check_handle, check_label, check_name
from trainset.core.settings import Places, typed
from trainset.errors import ConfigError

FILE = "trainset.toml"

MOST_INDEX = 99_999
"""The highest index of a label: formats with numbered classes list every number below it."""

Count = Annotated[int, Meta(ge=0, le=MOST_INDEX)]


class _Table(Struct, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """A table of the file; a setting that nobody knows is an error, since it is a typing mistake."""


class _Label(_Table):
    index: Count
    name: str = ""
    retired: bool = False


class _Attribute(_Table):
    type: Literal["choice", "number", "text", "flag"]
    of: Literal["object", "item"] = "object"
    choices: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    required: bool = False


class _Assign(_Table):
    reviewers: tuple[str, ...]
    overlap: Unit = 0.0


class _Task(_Table):
    type: str
    labels: dict[str, _Label] = {}
    many: bool = False
    on: str | None = None
    attributes: dict[str, _Attribute] = {}
    rules: dict[str, dict[str, Any]] = {}
    propose: tuple[str, ...] = ()
    rank: str = "uncertain"
    seed: int = 0
    assign: _Assign | None = None
    agree_above: Unit = 0.5


class ModelConfig(_Table):
    """A model of the dataset. `classes` says how its classes become labels: by name, by index, or by a table. `prompts`
    names the task, model or run whose annotations a promptable model is shown."""

    task: str
    prelabeler: str
    path: str | None = None
    digest: str | None = None
    classes: Literal["by-name", "by-index"] | dict[str, str] = "by-name"
    prompts: str | None = None
    settings: dict[str, Any] = {}


class EmbedderConfig(_Table):
    """An embedder of the dataset: its adapter, and the model file where it has one."""

    embedder: str
    path: str | None = None
    digest: str | None = None
    settings: dict[str, Any] = {}


class Reviewer(_Table):
    """A person who decides: a display name, the e-mail addresses by which Git knows them, and what they are an expert in."""

    name: str = ""
    emails: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()


class DatasetTable(_Table):
    """The dataset itself: its name, and the modality of its items."""

    name: str
    modality: str


class GitTable(_Table):
    """What of the dataset is kept in Git, and whether the end of a review shares it with other clones unasked."""

    predictions: Literal["git", "local"] = "git"
    autosync: bool = False


class EngineTable(_Table):
    """How models run: execution providers in order of preference, and worker threads (0: one per core)."""

    providers: tuple[str, ...] = ("cpu",)
    workers: Annotated[int, Meta(ge=0, le=1024)] = 0


class ReviewTable(_Table):
    """The review screen: how long an item must have been on screen before a key decides it, in milliseconds, and the splits
    of which nothing is shown until the reviewer has decided."""

    min_look: Annotated[int, Meta(ge=0, le=60_000)] = 150
    blind: tuple[str, ...] = ("test",)


class PrivacyTable(_Table):
    """What label files tell of how fast people decide: nothing, one total for each session's file, or each decision's
    seconds."""

    pace: Literal["off", "aggregate", "named"] = "aggregate"


class _File(_Table):
    dataset: DatasetTable
    sources: dict[str, str] = {}
    media: dict[str, Any] = {}
    splits: dict[str, Unit] = field(default_factory=lambda: {"train": 0.8, "val": 0.1, "test": 0.1})
    tasks: dict[str, _Task] = {}
    models: dict[str, ModelConfig] = {}
    embedders: dict[str, EmbedderConfig] = {}
    reviewers: dict[str, Reviewer] = {}
    git: GitTable = field(default_factory=GitTable)
    engine: EngineTable = field(default_factory=EngineTable)
    review: ReviewTable = field(default_factory=ReviewTable)
    privacy: PrivacyTable = field(default_factory=PrivacyTable)


class Config(Struct, kw_only=True, frozen=True):
    """The settings of a dataset. `sources` maps names to folders relative to the dataset, "" for a place that each
    machine has in its `local.toml`; `splits` maps names to shares that sum to 1; `place` names a key of the file in words."""

    dataset: DatasetTable
    sources: Mapping[str, str]
    media: Mapping[str, Any]
    splits: Mapping[str, float]
    tasks: Mapping[str, Task]
    models: Mapping[str, ModelConfig]
    embedders: Mapping[str, EmbedderConfig]
    reviewers: Mapping[str, Reviewer]
    git: GitTable
    engine: EngineTable
    review: ReviewTable
    privacy: PrivacyTable
    place: Places

    def task(self, name: str | None) -> Task:
        """The task of this name, or the only one; ConfigError says which there are."""
        if name is None and len(self.tasks) == 1:
            return next(iter(self.tasks.values()))
        names = ", ".join(self.tasks) or "none yet: `trainset task add NAME:TYPE:LABEL,…`"
        if name is None:
            raise ConfigError("the dataset has several tasks" if self.tasks else "the dataset has no task",
                              hint=f"name one with --task: {names}", exit_code=2)  # fmt: skip
        if name not in self.tasks:
            raise ConfigError(f"there is no task {name!r}", hint=f"there are: {names}", exit_code=2)
        return self.tasks[name]

    def models_of(self, task: str) -> dict[str, ModelConfig]:
        """The models that a task may be pre-labelled with, by name."""
        return {name: model for name, model in self.models.items() if model.task == task}


def read(text: str, where: str, guidelines: Mapping[str, str] | None = None) -> Config:
    """The settings in `text`; ConfigError names `where` and the setting that cannot be used.

    `guidelines` are the texts of `guidelines/<task>.md`, by task.
    """
    text = text.removeprefix("\ufeff")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not TOML: {error}", hint="mend that line") from error
    place = Places(where, text)
    options = _options(table)
    raw = typed(table, _File, place)
    _check(raw, place)
    texts = guidelines or {}
    return Config(
        dataset=raw.dataset,
        sources={"media": "media", **raw.sources},
        media=raw.media,
        splits=raw.splits,
        tasks={name: _task(name, table, texts.get(name, ""), options[name]) for name, table in raw.tasks.items()},
        models=raw.models,
        embedders=raw.embedders,
        reviewers=raw.reviewers,
        git=raw.git,
        engine=raw.engine,
        review=raw.review,
        privacy=raw.privacy,
        place=place,
    )


def _options(table: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the tables of tasks hold beside the core's settings, taken out of them: only the task's type knows it."""
    known = {f.encode_name for f in msgspec.structs.fields(_Task)}
    tasks = table.get("tasks")
    return {
        name: {key: task.pop(key) for key in list(task) if key not in known} if isinstance(task, dict) else {}
        for name, task in (tasks.items() if isinstance(tasks, dict) else ())
    }


def _check(raw: _File, place: Places) -> None:
    """ConfigError for what is well typed, but cannot be meant."""
    for table, what in (("tasks", "task"), ("sources", "source"), ("models", "model"), ("embedders", "embedder"),
                        ("splits", "split")):  # fmt: skip
        for name in getattr(raw, table):
            check_name(name, what, place(table, name))
    for handle, reviewer in raw.reviewers.items():
        check_handle(handle, place("reviewers", handle))
        for skill in reviewer.skills:
            check_name(skill, "skill", place("reviewers", handle, "skills"))
    if abs(sum(raw.splits.values()) - 1) > 1e-6:
        raise ConfigError(f"{place('splits')}: the shares must sum to 1", hint="such as 0.8, 0.1, 0.1")
    for name, task in raw.tasks.items():
        _check_labels(name, task, place)
        _check_attributes(name, task, place)
        _check_on(name, raw.tasks, place)
        _check_assign(task.assign, raw.reviewers, place, ("tasks", name, "assign"))
        for rule, settings in task.rules.items():
            check_name(rule, "rule", place("tasks", name, "rules", rule))
            if "skill" in settings:
                check_name(str(settings["skill"]), "skill", place("tasks", name, "rules", rule, "skill"))
            _known_labels(task, settings.get("labels", ()), place("tasks", name, "rules", rule, "labels"))
    for name, model in raw.models.items():
        if model.task not in raw.tasks:
            raise ConfigError(f"{place('models', name, 'task')}: there is no task {model.task!r}",
                              hint=f"there are: {', '.join(raw.tasks) or 'none'}")  # fmt: skip


def _check_labels(name: str, task: _Task, place: Places) -> None:
    by_index: dict[int, str] = {}
    titles = Counter(title for label, entry in task.labels.items() for title in {label, entry.name or label})
    for label, entry in task.labels.items():
        check_label(label, place("tasks", name, "labels", label))
        if (other := by_index.setdefault(entry.index, label)) != label:
            raise ConfigError(f"{place('tasks', name, 'labels', label, 'index')}: {entry.index} is taken by {other!r}",
                              hint=f"the next free index is {max(x.index for x in task.labels.values()) + 1}")  # fmt: skip
        if titles[entry.name] > 1:
            raise ConfigError(f"{place('tasks', name, 'labels', label, 'name')}: another label is called {entry.name!r}",
                              hint="two labels are told apart by their names")  # fmt: skip


def _check_attributes(name: str, task: _Task, place: Places) -> None:
    for key, attribute in task.attributes.items():
        where = ("tasks", name, "attributes", key)
        check_label(key, place(*where), "name of an attribute")
        for choice in attribute.choices:
            check_label(choice, place(*where, "choices"), "choice")
        if (attribute.type == "choice") != bool(attribute.choices):
            wrong = "a choice needs" if attribute.type == "choice" else f"a {attribute.type} has no"
            raise ConfigError(
                f"{place(*where, 'choices')}: {wrong} choices", hint='type = "choice", choices = ["…", "…"]'
            )
        if double := [x for x, n in Counter(attribute.choices).items() if n > 1]:
            raise ConfigError(
                f"{place(*where, 'choices')}: {double[0]!r} stands there twice", hint="remove one of them"
            )
        _known_labels(task, attribute.labels, place(*where, "labels"))


def _check_on(name: str, tasks: Mapping[str, _Task], place: Places) -> None:
    """A task on another's objects gives each of them one class: that other has objects, which ask about no others."""
    task = tasks[name]
    if task.on is None:
        return
    where = place("tasks", name, "on")
    asked = tasks.get(task.on)
    fitting = ", ".join(other for other, x in tasks.items() if x.type != "classify") or "none yet"
    if asked is None:
        raise ConfigError(f"{where}: there is no task {task.on!r}", hint=f"tasks with objects: {fitting}")
    if asked.type == "classify":
        raise ConfigError(
            f"{where}: task {task.on!r} classifies, and has no objects", hint=f"tasks with objects: {fitting}"
        )
    if task.type != "classify" or task.many:
        wrong = f"a {task.type} task" if task.type != "classify" else "a task with `many`"
        raise ConfigError(f"{where}: {wrong} cannot ask about the objects of another, which get one class each",
                          hint='such a task has type = "classify", and no `many`')  # fmt: skip
    if name in asked.attributes and asked.attributes[name].of == "object":
        raise ConfigError(f"{where}: objects of {task.on} have an attribute {name!r} already, which is what exports call this task's answers",
                          hint="rename one of the two")  # fmt: skip


def _check_assign(assign: _Assign | None, known: Mapping[str, Reviewer], place: Places, where: tuple[str, ...]) -> None:
    """Those who share a queue are declared, each once, and two answers to an item take two of them."""
    if assign is None:
        return
    listed = place(*where, "reviewers")
    if not assign.reviewers:
        raise ConfigError(
            f"{listed}: nobody is named", hint="`trainset assign --nobody` gives everybody the whole queue"
        )
    for handle, times in Counter(assign.reviewers).items():
        if handle not in known:
            raise ConfigError(f"{listed}: there is no reviewer {handle!r}",
                              hint=f"`trainset reviewer add` declares them; there are: {', '.join(known) or 'none'}")  # fmt: skip
        if times > 1:
            raise ConfigError(f"{listed}: {handle!r} stands there twice", hint="remove one of them")
    if assign.overlap and len(assign.reviewers) < 2:
        raise ConfigError(
            f"{place(*where, 'overlap')}: two answers to an item take two reviewers", hint="name a second one"
        )


def _known_labels(task: _Task, named: Any, where: str) -> None:
    """Whatever is said of single labels, a table or a list under `labels`, must name labels that there are."""
    unknown = [x for x in named if x not in task.labels] if isinstance(named, Mapping | list | tuple) else []
    if unknown:
        raise ConfigError(f"{where}: {unknown[0]!r} is not the key of a label of the task",
                          hint=f"its labels: {', '.join(list(task.labels)[:12]) or 'none'}")  # fmt: skip


def _task(name: str, table: _Task, guidelines: str, options: dict[str, Any]) -> Task:
    labels = tuple(Label(id=key, index=x.index, name=x.name, retired=x.retired) for key, x in table.labels.items())
    attributes = tuple(
        Attribute(name=key, type=x.type, of=x.of, choices=x.choices, labels=x.labels, required=x.required)
        for key, x in table.attributes.items()
    )
    rules = tuple(
        RuleConfig(
            name=key,
            rule=str(x.get("rule", key)),
            settings={k: v for k, v in x.items() if k not in ("rule", "skill")},
            skill=str(x.get("skill", "")),
        )
        for key, x in table.rules.items()
    )
    meaning = [
        table.type,
        table.many,
        [x.id for x in labels if not x.retired],
        [msgspec.to_builtins(a) for a in attributes],
        *([msgspec.json.encode(options, order="deterministic").decode()] if options else []),
        *([["on", table.on]] if table.on else []),
    ]
    return Task(
        name=name,
        type=table.type,
        labels=labels,
        many=table.many,
        on=table.on,
        attributes=attributes,
        rules=rules,
        propose=table.propose,
        rank=table.rank,
        seed=table.seed,
        assign=Assign(reviewers=table.assign.reviewers, overlap=table.assign.overlap) if table.assign else None,
        agree_above=table.agree_above,
        guidelines=guidelines,
        definition=digest(msgspec.json.encode(meaning)),
        options=options,
    )


def load(root: Path) -> Config:
    """The settings of the dataset at `root`."""
    path = root / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{root} has no {FILE}", hint="`trainset init` makes a dataset") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="it must be a text file in UTF-8") from error
    texts = {p.stem: p.read_text(encoding="utf-8", errors="replace") for p in (root / "guidelines").glob("*.md")}
    return read(text, str(path), texts)


@contextmanager
def editing(root: Path) -> Iterator[Any]:
    """`trainset.toml` as a tomlkit document; written back whole, and only if the result can be read."""
    import tomlkit

    path = root / FILE
    document = tomlkit.parse(path.read_text(encoding="utf-8-sig"))
    yield document
    text = tomlkit.dumps(document)
    read(text, str(path))
    replace_file(path, text)


def table(document: Any, *names: str) -> Any:
    """The table at this path of a tomlkit document, made where it is missing."""
    import tomlkit

    for name in names:
        if name not in document:
            last = name == names[-1]
            document[name] = tomlkit.table(is_super_table=not last)
        document = document[name]
    return document


def replace_file(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old or the new one, never half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
