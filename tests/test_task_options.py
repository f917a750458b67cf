"""What a task says in its table beside the core's settings: only the plugin of its type knows it."""

import sys
from types import ModuleType

import msgspec
import numpy as np
import pytest

from trainset.core.config import read
from trainset.core.dataset import Dataset
from trainset.core.deciding import Recorder
from trainset.core.kit import problems
from trainset.core.layout import write_layout
from trainset.core.model import Annotation, Item
from trainset.errors import ConfigError, UsageError
from trainset.plugins.registry import Registry
from trainset.plugins.specs import AnnotationSpec
from trainset.workspace import PluginKit

from . import kit

TOML = """[dataset]
name = "d"
modality = "note"
[tasks.t]
type = "mark"
{options}
[tasks.t.labels]
a = {{ index = 0 }}
"""


class Mark(Annotation, kw_only=True, frozen=True, tag="mark"):
    mark: tuple[int, ...]


class Marks(msgspec.Struct, kw_only=True, frozen=True, rename="kebab"):
    at_most: int = 9

    def problem(self, annotation, item):
        return "too many marks" if len(annotation.mark) > self.at_most else None


class MarkOps:
    def __init__(self, options=None):
        self.options = options or Marks()

    def similarity(self, a, b, item):
        return np.full((len(a), len(b)), 1 / self.options.at_most)

    def extent(self, annotation, item):
        return None


class MarkKit(PluginKit):
    """Marks as a plugin would register them, on the notes of `kit`."""

    modality = kit.Notes()
    loads_as = "note"


@pytest.fixture
def opened(tmp_path, monkeypatch):
    module = ModuleType("marks")
    module.Mark, module.MarkOps, module.Marks = Mark, MarkOps, Marks
    monkeypatch.setitem(sys.modules, "marks", module)

    def open_(lines, **more):
        spec = AnnotationSpec(tag="mark", struct="marks:Mark", ops="marks:MarkOps", summary="", tasks=("mark",), **more)
        found = type("Found", (), {"name": "marks", "distribution": "marks", "version": "1"})()
        kit.git(tmp_path, "init", "-q")
        (tmp_path / "trainset.toml").write_text(TOML.format(options=lines))
        write_layout(tmp_path)
        return Dataset(tmp_path, MarkKit(Registry([(found, spec)]), "note"))

    return open_


def test_options_come_as_the_type_s_own_struct(opened):
    with opened("at-most = 2", options="marks:Marks") as dataset:
        task = dataset.config.task("t")
        assert task.options == Marks(at_most=2)
        assert dataset.kit.ops("mark", task).similarity([1], [1], None) == 0.5
        assert dataset.kit.ops("mark").similarity([1], [1], None) == pytest.approx(1 / 9)


def test_options_that_are_not_given_have_their_defaults(opened):
    with opened("", options="marks:Marks") as dataset:
        assert dataset.config.task("t").options == Marks()


@pytest.mark.parametrize(
    ("options", "more", "message"),
    [
        ("at-most = 'x'", {"options": "marks:Marks"}, "at-most"),
        ("at-least = 1", {"options": "marks:Marks"}, "at-least"),
        ("at-least = 1", {}, r"\[tasks.t\] at-least: there is no such setting"),
    ],
)
def test_what_the_type_does_not_know_is_refused_when_the_dataset_opens(opened, options, more, message):
    with pytest.raises(ConfigError, match=message):
        opened(options, **more)


def test_an_annotation_that_the_options_do_not_allow_is_no_answer(opened):
    with opened("at-most = 1", options="marks:Marks") as dataset:
        kit.add(dataset, "media/x")
        task = dataset.config.task("t")
        wrong = Mark(id="m1", label="a", mark=(1, 2))
        (problem,) = problems(dataset.kit, task, Item(key="media/x"), [wrong])
        assert (problem.where, problem.message) == ("m1", "too many marks")
        recorder = Recorder(dataset, task, dataset.header("decisions", task, reviewer="ana"))
        with pytest.raises(UsageError, match="too many marks"):
            recorder.check(dataset.row("media/x", task), [wrong])


def test_options_are_part_of_what_the_task_means_whatever_their_order():
    meanings = [
        read(TOML.format(options=options), "trainset.toml").tasks["t"].definition
        for options in ("", "a = 1\nb = 2", "b = 2\na = 1", "a = 2\nb = 2")
    ]
    assert meanings[1] == meanings[2]
    assert len(set(meanings)) == 3


def test_a_task_whose_type_no_plugin_knows_keeps_its_options(opened, tmp_path):
    task = read(TOML.format(options="at-most = 1"), "trainset.toml").tasks["t"]
    assert MarkKit(Registry([]), "note").options(task, "here") == {"at-most": 1}


def test_of_several_types_that_answer_a_task_the_one_of_its_name_is_the_default():
    found = type("Found", (), {"name": "x", "distribution": "x", "version": "1"})()
    specs = [
        AnnotationSpec(tag=t, struct="", ops="", summary="", tasks=("one", "two")) for t in ("one", "two", "three")
    ]
    plugins = PluginKit(Registry([(found, spec) for spec in specs]), "note")
    task = read(TOML.format(options="").replace('"mark"', '"two"'), "trainset.toml").tasks["t"]
    assert plugins.tag(task) == "two"
    assert plugins.tags(task) == ["two", "one", "three"]
