"""Classes by the words that speak for them: lists of a person's own, or the names of the labels. No model is needed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from trainset.core.model import Class, Item, Task
from trainset.errors import ConfigError
from trainset.plugins import Context, Limits

_WORD = re.compile(r"\w+")


class KeywordsSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """`words` maps labels to words or phrases that speak for them; a label without any is known by the words of its
    own name. Letters count the same in either case. Classes with a score under `least` are not proposed."""

    words: dict[str, list[str]] = {}
    least: Annotated[float, Meta(ge=0, le=1)] = 0.0


class Keywords:
    """A `Prelabeler` that counts words.

    A word that speaks for n labels weighs 1/n for each of them. A label's score is the weight of its words in the
    text, as a share of the weight of every label's words in it and one word more, so that a single word makes 0.5 at
    most. It measures how one-sided the words are, and is not a probability.
    """

    def __init__(self, settings: KeywordsSettings, task: Task) -> None:
        self._least, self._many = settings.least, task.many
        given = _given(settings, task)
        phrases = {
            label.id: {_words(p) for p in given.get(label.id, (label.title, *_words(label.title)))} - {()}
            for label in task.active
        }
        shared = Counter(phrase for some in phrases.values() for phrase in some)
        self._weights: dict[tuple[str, ...], tuple[float, list[str]]] = {
            phrase: (1 / n, [label for label, some in phrases.items() if phrase in some])
            for phrase, n in shared.items()
        }
        self._longest = max(map(len, self._weights), default=0)

    @property
    def limits(self) -> Limits:
        """Many texts at a time; Python counts on one core."""
        return Limits(batch=64, concurrency=1, bytes_per_item=1 << 16)

    def prepare(self, item: Item, context: Context) -> tuple[str, ...]:
        """The words of the text."""
        return _words(context.media.load(item))

    def infer(self, batch: Sequence[tuple[str, ...]]) -> list[Mapping[str, float]]:
        """Scores by label, best first, for each text."""
        return [self._scores(words) for words in batch]

    def decode(self, output: Mapping[str, float], item: Item) -> list[Class]:
        """The best class, or with the task's `many` every class that has a word in the text."""
        kept = [(label, score) for label, score in output.items() if score >= self._least]
        return [Class(label=label, score=round(score, 4)) for label, score in kept[: None if self._many else 1]]

    def providers(self) -> Sequence[str]:
        """None: nothing to choose from."""
        return ()

    def _scores(self, words: tuple[str, ...]) -> dict[str, float]:
        weights: Counter[Any] = Counter()
        found = {words[at : at + n] for n in range(1, self._longest + 1) for at in range(len(words) - n + 1)}
        for phrase in found & self._weights.keys():
            weight, labels = self._weights[phrase]
            weights.update(dict.fromkeys(labels, weight))
        total = sum(weights.values()) + 1
        return {label: weight / total for label, weight in sorted(weights.items(), key=lambda p: (-p[1], p[0]))}


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.casefold() for word in _WORD.findall(text.replace("_", " ")))


def _given(settings: KeywordsSettings, task: Task) -> dict[str, list[str]]:
    given = {}
    for name, words in settings.words.items():
        label = task.label(name)
        if label is None:
            raise ConfigError(f"keywords for {name!r}, which is no label of task {task.name!r}",
                              hint=f"its labels: {', '.join(x.id for x in task.active[:12])}")  # fmt: skip
        given[label.id] = words
    return given
