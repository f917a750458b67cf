"""`trainset.toml`: read into typed settings with tomllib, edited with tomlkit so that comments stay."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from trainset.core.files import digest
from trainset.core.model import Attribute, Label, RuleConfig, Task
from trainset.errors import ConfigError

FILE = "trainset.toml"

HANDLE = re.compile(r"[a-z0-9][a-z0-9-]{0,30}[a-z0-9]")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
GENERIC = frozenset(
    (
        "admin",
        "administrator",
        "anonymous",
        "guest",
        "import",
        "nobody",
        "reviewer",
        "root",
        "somebody",
        "system",
        "test",
        "trainset",
        "ubuntu",
        "user",
    )
)


class _Table(Struct, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """A table of the file; a setting that nobody knows is an error, since it is a typing mistake."""


class _Label(_Table):
    index: int
    name: str = ""
    retired: bool = False


class _Attribute(_Table):
    type: Literal["choice", "number", "text", "flag"]
    of: Literal["object", "item"] = "object"
    choices: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    required: bool = False


class _Task(_Table):
    type: str
    labels: dict[str, _Label] = {}
    many: bool = False
    attributes: dict[str, _Attribute] = {}
    rules: dict[str, dict[str, Any]] = {}
    propose: tuple[str, ...] = ()
    rank: str = "uncertain"
    seed: int = 0
    agree_above: float = 0.5


class ModelConfig(_Table):
    """A model of the dataset. `classes` says how its classes become labels: by name, by index, or by a table."""

    task: str
    prelabeler: str
    path: str | None = None
    digest: str | None = None
    classes: Literal["by-name", "by-index"] | dict[str, str] = "by-name"
    settings: dict[str, Any] = {}


class Reviewer(_Table):
    """A person who decides: a display name, and the e-mail addresses by which Git knows them."""

    name: str = ""
    emails: tuple[str, ...] = ()


class DatasetTable(_Table):
    """The dataset itself: its name, and the modality of its items."""

    name: str
    modality: str


class GitTable(_Table):
    """What of the dataset is kept in Git."""

    predictions: Literal["git", "local"] = "git"


class EngineTable(_Table):
    """How models run: execution providers in order of preference, and worker threads (0: one per core)."""

    providers: tuple[str, ...] = ("cpu",)
    workers: int = 0


class ReviewTable(_Table):
    """The review screen: how long an item must have been on screen before a key decides it, in milliseconds."""

    min_look: int = 150


class _File(_Table):
    dataset: DatasetTable
    sources: dict[str, str] = {}
    media: dict[str, Any] = {}
    splits: dict[str, float] = field(default_factory=lambda: {"train": 0.8, "val": 0.1, "test": 0.1})
    tasks: dict[str, _Task] = {}
    models: dict[str, ModelConfig] = {}
    reviewers: dict[str, Reviewer] = {}
    git: GitTable = field(default_factory=GitTable)
    engine: EngineTable = field(default_factory=EngineTable)
    review: ReviewTable = field(default_factory=ReviewTable)


class Config(Struct, kw_only=True, frozen=True):
    """The settings of a dataset. `sources` maps names to folders relative to the dataset, "" for a place that each
    machine has in its `local.toml`; `splits` maps names to shares that sum to 1."""

    dataset: DatasetTable
    sources: Mapping[str, str]
    media: Mapping[str, Any]
    splits: Mapping[str, float]
    tasks: Mapping[str, Task]
    models: Mapping[str, ModelConfig]
    reviewers: Mapping[str, Reviewer]
    git: GitTable
    engine: EngineTable
    review: ReviewTable

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
    try:
        raw = msgspec.convert(tomllib.loads(text), type=_File)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not TOML: {error}", hint="mend that line") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}", hint="docs/configuration.md explains every setting") from error
    _check(raw, where)
    texts = guidelines or {}
    return Config(
        dataset=raw.dataset,
        sources={"media": "media", **raw.sources},
        media=raw.media,
        splits=raw.splits,
        tasks={name: _task(name, table, texts.get(name, "")) for name, table in raw.tasks.items()},
        models=raw.models,
        reviewers=raw.reviewers,
        git=raw.git,
        engine=raw.engine,
        review=raw.review,
    )


def _check(raw: _File, where: str) -> None:
    for kind, names in (("task", raw.tasks), ("source", raw.sources), ("model", raw.models)):
        for name in names:
            if not NAME.fullmatch(name):
                raise ConfigError(f"{where}: {name!r} cannot name a {kind}", hint="use letters, digits, - and _")
    for handle in raw.reviewers:
        check_handle(handle)
    if not raw.splits or abs(sum(raw.splits.values()) - 1) > 1e-6 or min(raw.splits.values()) < 0:
        raise ConfigError(
            f"{where}: the shares in [splits] must be positive and sum to 1", hint="such as 0.8, 0.1, 0.1"
        )
    for name, task in raw.tasks.items():
        for rule in task.rules:
            if not NAME.fullmatch(rule):
                raise ConfigError(f"{where}: {rule!r} cannot name a rule", hint="use letters, digits, - and _")
        seen: dict[int, str] = {}
        for label, entry in task.labels.items():
            if entry.index in seen or entry.index < 0:
                free = max((x.index for x in task.labels.values()), default=-1) + 1
                taken = f"taken by {seen[entry.index]!r}" if entry.index in seen else "negative"
                raise ConfigError(
                    f"{where}: in task {name!r} the index {entry.index} of label {label!r} is {taken}",
                    hint=f"the next free index is {free}",
                )
            seen[entry.index] = label
    for name, model in raw.models.items():
        if model.task not in raw.tasks:
            raise ConfigError(f"{where}: model {name!r} is for task {model.task!r}, which does not exist",
                              hint=f"there are: {', '.join(raw.tasks) or 'none'}")  # fmt: skip


def check_handle(handle: str) -> None:
    """ConfigError unless `handle` can name one person."""
    if not HANDLE.fullmatch(handle):
        raise ConfigError(
            f"{handle!r} cannot be a reviewer's handle", hint="use 2 to 32 of a-z, 0-9 and -", exit_code=2
        )
    if handle in GENERIC:
        raise ConfigError(
            f"{handle!r} is nobody in particular", hint="decisions need a person: use a name of yours", exit_code=2
        )


def _task(name: str, table: _Task, guidelines: str) -> Task:
    labels = tuple(Label(id=key, index=x.index, name=x.name, retired=x.retired) for key, x in table.labels.items())
    attributes = tuple(
        Attribute(name=key, type=x.type, of=x.of, choices=x.choices, labels=x.labels, required=x.required)
        for key, x in table.attributes.items()
    )
    rules = tuple(
        RuleConfig(name=key, rule=x.get("rule", key), settings={k: v for k, v in x.items() if k != "rule"})
        for key, x in table.rules.items()
    )
    meaning = [
        table.type,
        table.many,
        [x.id for x in labels if not x.retired],
        [msgspec.to_builtins(a) for a in attributes],
    ]
    return Task(
        name=name,
        type=table.type,
        labels=labels,
        many=table.many,
        attributes=attributes,
        rules=rules,
        propose=table.propose,
        rank=table.rank,
        seed=table.seed,
        agree_above=table.agree_above,
        guidelines=guidelines,
        definition=digest(msgspec.json.encode(meaning)),
    )


def load(root: Path) -> Config:
    """The settings of the dataset at `root`."""
    path = root / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{root} has no {FILE}", hint="`trainset init` makes a dataset") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="it must be a UTF-8 text file") from error
    texts = {p.stem: p.read_text(encoding="utf-8", errors="replace") for p in (root / "guidelines").glob("*.md")}
    return read(text, str(path), texts)


@contextmanager
def editing(root: Path) -> Iterator[Any]:
    """`trainset.toml` as a tomlkit document; written back whole, and only if the result can be read."""
    import tomlkit

    path = root / FILE
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
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
    with draft.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
