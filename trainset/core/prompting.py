"""A promptable model at a reviewer's hand: it is loaded, looks at an item and answers in a thread of its own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from trainset.core.model import Annotation, Item
from trainset.core.protocols import Context, Promptable
from trainset.errors import ModelError, TrainsetError

KEPT = 4
"""Items of which what the model has seen is kept, so that further prompts take no more than an answer does."""

Making = Callable[[], tuple[str, Promptable] | None]
"""Makes the model that answers; its name, too. None where there is none."""


@dataclass(frozen=True)
class Answer:
    """What the model finds, or the `error` that kept it from it, in words."""

    annotations: Sequence[Annotation] = ()
    error: str = ""


class Assistant:
    """Answers prompts one after another; of several that wait only the last. `make` is called once, at the first one."""

    def __init__(self, make: Making, context: Context) -> None:
        self._make, self._context = make, context
        self._worker = ThreadPoolExecutor(1, "prompt")
        self._model: tuple[str, Promptable] | None = None
        self._seen: OrderedDict[str, Any] = OrderedDict()
        self._waiting: Future[None] | None = None

    def ask(self, item: Item, prompts: Sequence[Annotation], then: Callable[[Answer], None]) -> str:
        """Have `then` called, in the other thread, with what prompts show on an item; what is under way, in words."""
        if self._model is None:
            said = f"the model is loaded, and looks at {item.key} …"
        else:
            name = self._model[0]
            said = f"{name} answers …" if item.key in self._seen else f"{name} looks at {item.key}, once …"
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self._worker.submit(self._work, item, prompts, then)
        return said

    def close(self) -> None:
        """Stop after what has begun."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _work(self, item: Item, prompts: Sequence[Annotation], then: Callable[[Answer], None]) -> None:
        then(self._answer(item, prompts))

    def _answer(self, item: Item, prompts: Sequence[Annotation]) -> Answer:
        try:
            return Answer(self._prompted(item, prompts))
        except TrainsetError as error:
            return Answer(error=f"{error.message} ({error.hint})" if error.hint else error.message)
        except Exception as error:  # a plugin's own fault must not end the review
            name = self._model[0] if self._model else "the model"
            return Answer(error=f"{name} failed with {type(error).__name__}: {error}")

    def _prompted(self, item: Item, prompts: Sequence[Annotation]) -> Sequence[Annotation]:
        self._model = self._model or self._make()
        if self._model is None:
            raise ModelError(
                f"task {self._context.task.name!r} has no model that takes prompts",
                hint="`trainset model add ENCODER.onnx` adds one",
            )
        _, model = self._model
        if item.key not in self._seen:
            self._seen[item.key] = model.encode(model.prepare(item, self._context))
        self._seen.move_to_end(item.key)
        while len(self._seen) > KEPT:
            self._seen.popitem(last=False)
        return model.prompt(self._seen[item.key], prompts)
