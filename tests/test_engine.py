"""Running a pre-labeller: what happens where every item fails, and where two processes start at once."""

import multiprocessing
import os

import pytest

from trainset.core.engine import Engine, Job
from trainset.core.model import Class
from trainset.core.protocols import Limits
from trainset.errors import ModelError, TrainsetError

from .kit import add, open_, task


class Reader:
    """Proposes the class that a note spells, and fails over what says `bad`."""

    limits = Limits()

    def __init__(self, hook=lambda: None):
        self._hook = hook

    def providers(self):
        return ()

    def prepare(self, item, context):
        self._hook()
        text = context.media.load(item)
        if text == "bad":
            raise ModelError(f"{item.key} is bad")
        return text

    def infer(self, prepared):
        return prepared

    def decode(self, output, item):
        return [Class(id="p1", label=output)]


def engine(dataset, hook=lambda: None, model="m"):
    return Engine(
        dataset,
        Job(task=task(dataset), model=model, prelabeler="reader", labeller=Reader(hook), settings={}, digest="d"),
    )


def notes(dataset, *texts):
    for n, text in enumerate(texts):
        (dataset.root / "media" / f"{n}.txt").write_text(text)
    add(dataset, *(f"media/{n}.txt" for n in range(len(texts))))


@pytest.mark.parametrize("count", [1, 3, 19])
def test_a_run_whose_items_all_fail_is_an_error_with_the_first_few_reasons(dataset, count):
    notes(dataset, *["bad"] * count)
    with pytest.raises(ModelError) as failed:
        engine(dataset).run()
    assert f"all {count} item" in failed.value.message
    assert failed.value.message.count(" is bad") == min(count, 3)


def test_a_run_of_which_one_item_fails_is_none(dataset):
    notes(dataset, "bad", "a")
    done = engine(dataset).run()
    assert (done.done, done.failed) == (2, 1)


def test_trying_again_what_failed_among_others_is_none(dataset):
    notes(dataset, "bad", "a")
    engine(dataset).run()
    done = engine(dataset).run()
    assert (done.resumed, done.done, done.failed) == (True, 1, 1)


def test_the_same_model_over_the_same_task_runs_once_at_a_time(dataset):
    notes(dataset, "a")
    refused = []

    def second():
        with open_(dataset.root) as other:
            with pytest.raises(TrainsetError, match="model m runs over task kinds already, in process") as error:
                engine(other).run()
            refused.append(error.value.message)
            engine(other, model="another").run()

    assert engine(dataset, second).run().done == 1
    assert f"process {os.getpid()} on " in refused[0]
    assert engine(dataset).run().total == 0


def test_a_process_that_was_killed_holds_nobody_up(dataset):
    notes(dataset, "a")

    def killed():
        with open_(dataset.root) as other:
            engine(other, lambda: os.kill(os.getpid(), 9)).run()

    process = multiprocessing.get_context("fork").Process(target=killed)
    process.start()
    process.join()
    assert process.exitcode == -9
    assert engine(dataset).run().done == 1
