"""`trainset.toml`: what is read, what is refused, and that edits keep what people wrote."""

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainset.core import config, layout
from trainset.core.config import read
from trainset.errors import ConfigError, UsageError

HEAD = '[dataset]\nname = "d"\nmodality = "vision"\n'
ATTRIBUTES = "[tasks.parts.attributes]\n"
RULES = "[tasks.parts.rules]\n"
TASK = HEAD + '[tasks.parts]\ntype = "box"\n[tasks.parts.labels]\nscrew = { index = 0 }\nnut = { index = 4 }\n'


def test_the_reference_of_every_setting_can_be_read():
    found = read((files("trainset") / "reference.toml").read_text(), "reference.toml")
    assert found.task("objects").label("Screw").id == "screw"
    assert found.task("wear").on == "objects"
    assert found.models["yolox-nano"].prelabeler == "yolox"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[dataset", "not TOML"),
        (TASK + "bolt = { index = 4 }\n", "next free index is 5"),
        (TASK + "bolt = { }\n", "index"),
        (HEAD + "[splits]\ntrain = 0.9\n", "sum to 1"),
        (HEAD + '[models.m]\ntask = "x"\nprelabeler = "yolo"\n', "no task 'x'"),
        (HEAD + '["tasks"."a b"]\ntype = "box"\n', "cannot name"),
        (HEAD + "[reviewers.root]\n", "nobody in particular"),
        (HEAD + "[reviewers.Ana]\n", "handle"),
        ('[dataset]\nname = 3\nmodality = "vision"\n', "[dataset] name"),
        (HEAD + "[reviewers.root]\n", "trainset.toml: [reviewers.root]"),
        (TASK + "bolt = { index = -1 }\n", "[tasks.parts.labels] bolt.index: expected a whole number >= 0"),
        (TASK + "bolt = { index = 1000000000 }\n", "[tasks.parts.labels] bolt.index: expected a whole number <= 99999"),
        (
            TASK + 'bolt = { index = 7, name = "nut" }\n',
            "[tasks.parts.labels] bolt.name: another label is called 'nut'",
        ),
        (TASK + '"bo\\u001blt" = { index = 7 }\n', "cannot be a label"),
        (TASK + '"bo|lt" = { index = 7 }\n', "cannot be a label"),
        (TASK + f"{'b' * 201} = {{ index = 7 }}\n", "it has 201 characters"),
        (TASK + ATTRIBUTES + 'd = { type = "choice" }\n', "[tasks.parts.attributes] d.choices: a choice needs choices"),
        (TASK + ATTRIBUTES + 'd = { type = "flag", choices = ["x"] }\n', "a flag has no choices"),
        (TASK + ATTRIBUTES + 'd = { type = "choice", choices = ["x", "x"] }\n', "'x' stands there twice"),
        (
            TASK + ATTRIBUTES + 'd = { type = "flag", labels = ["scerw"] }\n',
            "d.labels: 'scerw' is not the key of a label",
        ),
        (TASK + RULES + "min-score = { labels = { scerw = 0.5 } }\n", "[tasks.parts.rules] min-score.labels: 'scerw'"),
        (
            TASK.replace("[tasks.parts.l", "agree-above = 5\n[tasks.parts.l"),
            "[tasks.parts] agree-above: expected a number <= 1",
        ),
        (HEAD + "[engine]\nworkers = -1\n", "[engine] workers: expected a whole number >= 0"),
        (HEAD + "[review]\nmin-look = -1\n", "[review] min-look: expected a whole number >= 0"),
        (HEAD + "[splits]\ntrain = nan\n", "[splits] train: nan"),
        (HEAD + '[splits]\n"../x" = 1\n', "cannot name a split"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_remedy(text, word):
    with pytest.raises(ConfigError) as error:
        read(text, "trainset.toml")
    assert word in f"{error.value.message} {error.value.hint}" and error.value.hint


def test_a_byte_order_mark_is_passed_over(tmp_path):
    (tmp_path / "trainset.toml").write_text("\ufeff" + TASK, encoding="utf-8")
    layout.add_task(tmp_path, "kind", "classify", [(None, "cat")])
    assert list(config.load(tmp_path).tasks) == ["parts", "kind"]


def test_the_definition_changes_with_the_meaning_of_an_answer_and_with_nothing_else():
    before = read(TASK, "x").task("parts").definition
    assert read(TASK.replace("index = 4", "index = 7"), "x").task("parts").definition == before
    assert read(TASK + "[tasks.parts.rules]\nmin-score = { below = 0.2 }\n", "x").task("parts").definition == before
    assert read(TASK + "bolt = { index = 5 }\n", "x").task("parts").definition != before


def test_labels_are_known_by_id_and_title_and_active_ones_go_by_index():
    text = TASK.replace(
        "nut = { index = 4 }", 'nut = { index = 4, name = "Hex nut" }\nbolt = { index = 1, retired = true }'
    )
    task = read(text, "x").task("parts")
    assert task.label("Hex nut") is task.label("nut")
    assert [x.id for x in task.active] == ["screw", "nut"]


def test_a_task_may_be_left_out_where_there_is_one():
    assert read(TASK, "x").task(None).name == "parts"
    with pytest.raises(ConfigError, match="several"):
        read(TASK + '[tasks.other]\ntype = "classify"\n', "x").task(None)
    with pytest.raises(ConfigError, match="no task 'what'"):
        read(TASK, "x").task("what")


def test_edits_keep_comments_and_order(tmp_path):
    (tmp_path / "trainset.toml").write_text("# mine\n" + TASK + "# the end\n")
    layout.add_task(tmp_path, "kind", "classify", [(None, "cat"), (None, "dog")])
    text = (tmp_path / "trainset.toml").read_text()
    assert text.startswith("# mine\n[dataset]") and "# the end" in text
    assert [x.id for x in config.load(tmp_path).task("kind").active] == ["cat", "dog"]


def test_an_edit_that_breaks_the_file_is_not_written(tmp_path):
    path = tmp_path / "trainset.toml"
    path.write_text(TASK)
    with pytest.raises(ConfigError), config.editing(tmp_path) as document:
        document["dataset"]["name"] = 3
    assert path.read_text() == TASK


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=4, unique=True), max_size=5))
def test_however_labels_are_added_no_index_ever_moves(batches):
    import tomlkit

    labels = tomlkit.table()
    seen: dict[str, int] = {}
    for batch in batches:
        layout.number_labels(labels, [(None, name) for name in batch])
        now = {name: int(entry["index"]) for name, entry in labels.items()}
        assert seen.items() <= now.items()
        assert len(set(now.values())) == len(now)
        seen = now


@pytest.mark.parametrize("text", ["parts", "parts:", ":box", "parts:box:a,,b", "parts:box:a,a", "a b:box"])
def test_what_is_no_task_is_refused(text):
    with pytest.raises(UsageError):
        layout.parse_task(text)
