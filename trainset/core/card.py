"""The data card of a release: its manifest in words, in Markdown, for people who are about to use the data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from trainset.core.exporting import DECIDED
from trainset.core.files import visible
from trainset.core.manifest import Manifest, TaskFacts, paths

_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#!~&])")


def card(manifest: Manifest) -> str:
    """The text of `releases/<name>.md`; it depends on the manifest alone."""
    return "\n".join(_lines(manifest)) + "\n"


def _lines(manifest: Manifest) -> Iterator[str]:
    facts, name = manifest.facts, manifest.name
    yield f"# {_plain(facts.dataset)} {name}"
    yield ""
    whole = facts.splits.items()
    splits = ", ".join(f"{n:,} {_plain(split or 'in no split')}" for split, n in whole)
    tasks = ", ".join(f"{_plain(task)} ({_plain(about.type)})" for task, about in facts.tasks.items())
    yield f"{facts.items:,} items of modality {_plain(facts.modality)}: {splits or 'none'}."
    yield f"Tasks: {tasks or 'none'}."
    if facts.straddling:
        have = "group has" if facts.straddling == 1 else "groups have"
        yield ""
        yield f"**{facts.straddling:,} {have} items in several splits**, which somebody or another tool gave them."
    for task, about in facts.tasks.items():
        yield from _task(task, about, manifest.agreement.get(task, {}))
    yield from _section("Contradictions")
    yield "No migrations of labels contradict each other."
    if manifest.allowed:
        yield f"Released although items may be {' or '.join(manifest.allowed)}: their counts stand above."
    yield from _section("What made it")
    yield from _table(
        ("distribution", "made the release", "wrote records"),
        [
            (d, manifest.writer.get(d, ""), ", ".join(facts.written.get(d, ())))
            for d in sorted({*manifest.writer, *facts.written})
        ],
    )
    yield from _section("Verify and export")
    listed, media, _ = paths(name)
    yield f"The tag `{name}` seals {len(manifest.files):,} files and {facts.items:,} media, listed in `{listed}` and `{media}`."
    yield f"Their one digest (BLAKE2b-128) is `{manifest.digest}`; the records are those of commit `{manifest.commit}`."
    yield ""
    yield "```console"
    yield f"$ trainset verify {name}"
    yield f"$ trainset export FORMAT DEST --at {name}"
    yield "```"


def _task(name: str, task: TaskFacts, agreement: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield from _section(f"Task {_plain(name)}")
    states = list(dict.fromkeys(state for found in task.states.values() for state in found))
    rows = [(split or "–", *(f"{found.get(state, 0):,}" for state in states)) for split, found in task.states.items()]
    yield from _table(("split", *states), [*rows, ("all", *(f"{task.count(state):,}" for state in states))])
    done, rest = task.count(*DECIDED), sorted(set(states) - {*DECIDED, "excluded"})
    yield ""
    yield f"{done:,} items have an answer. " + (
        "Not covered: " + ", ".join(f"{task.count(state):,} {state}" for state in rest) + "."
        if rest
        else "Nothing is left open."
    )
    if task.labels:
        yield ""
        titles = [(label, task.titles.get(label, ""), f"{n:,}") for label, n in task.labels.items()]
        yield from _table(("label", "shown as", "annotations"), titles)
    if task.deciders:
        yield ""
        who = [(who, one.kind, f"{one.items:,}") for who, one in task.deciders.items()]
        yield from _table(("decided by", "which is a", "items"), who)
    if task.models:
        yield ""
        models = [(m.name, m.prelabeler, m.digest, f"{m.runs:,}") for m in task.models]
        yield from _table(("model", "read by", "digest", "runs"), models)
    if agreement:
        yield ""
        yield "People who answered the same items by themselves agree as follows (95 % intervals, bootstraps over items):"
        yield ""
        figures = [
            (question, f"{found['items']:,}", figure, f"{value['value']:.3f}", _interval(value))
            for question, found in agreement.items()
            for figure, value in found.items()
            if isinstance(value, dict)
        ]
        yield from _table(("question", "items", "figure", "value", "interval"), figures)


def _interval(value: dict[str, Any]) -> str:
    return f"{value['low']:.3f} to {value['high']:.3f}" if "low" in value else "too few items"


def _section(title: str) -> Iterator[str]:
    yield from ("", f"## {title}", "")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' for _ in head)} |"
    for row in rows:
        yield f"| {' | '.join(map(_plain, row))} |"


def _plain(text: str) -> str:
    """Text from data, which Markdown is to show as it stands."""
    return _MARKUP.sub(r"\\\1", visible(text))
