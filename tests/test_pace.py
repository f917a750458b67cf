"""How fast one decides: one's own figures on one's own machine, and what of them label files tell."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainset.core import records
from trainset.core.committing import commit
from trainset.core.desk import ReviewDesk
from trainset.core.pace import Pace, duration, in_short, in_words

from . import kit

KEYS = [f"media/{n:02}.txt" for n in range(20)]


def reviewed(root, *seconds, pace=None, back=()):
    """A dataset in which ana decided an item for each of these, withdrew those of `back`, and committed."""
    if pace is not None:
        file = root / "trainset.toml"
        file.write_text(f'{file.read_text()}\n[privacy]\npace = "{pace}"\n')
    with kit.open_(root) as dataset:
        kit.add(dataset, *KEYS)
        desk = ReviewDesk(dataset, kit.task(dataset), "ana")
        made = [desk.record(dataset.item(k), "corrected", kit.answer("a"), seconds=s) for k, s in zip(KEYS, seconds, strict=False)]  # fmt: skip
        for n in back:
            desk.withdraw(dataset.item(KEYS[n]), made[n])
        desk.close()
        commit(dataset)
        (file,) = (root / "labels" / "decisions").rglob("*.jsonl")
        return desk, [json.loads(line) for line in file.read_bytes().splitlines()], dataset.paces


@pytest.fixture
def measured(tmp_path):
    return lambda *seconds, **more: _taken(tmp_path, *seconds, **more)


def _taken(folder, *seconds, file="01A", task="parts", reviewer="ana", way="item"):
    pace = Pace(folder / "pace", task, reviewer, way)
    pace.took(folder / f"{file}.jsonl", {f"{file}{n}": s for n, s in enumerate(seconds)})
    return pace


def test_label_files_tell_one_total_for_a_session(root):
    _, lines, _ = reviewed(root, *[30.0] * 12)
    assert lines[-1]["seconds"] == 360
    assert not any("seconds" in line for line in lines[:-1])


def test_a_total_of_few_decisions_would_tell_of_single_ones(root):
    _, lines, _ = reviewed(root, *[30.0] * 9)
    assert "seconds" not in lines[-1]


def test_what_was_withdrawn_is_not_in_the_total(root):
    _, lines, _ = reviewed(root, *[30.0] * 12, back=(0, 5))
    assert lines[-1]["seconds"] == 300


def test_named_tells_of_every_decision_and_needs_no_total(root):
    _, lines, _ = reviewed(root, 30.04, *[20.0] * 11, pace="named")
    assert [line["seconds"] for line in lines[1:-1]] == [30.0, *[20.0] * 11]
    assert "seconds" not in lines[-1]


def test_off_measures_nothing_at_all(root):
    desk, lines, folder = reviewed(root, *[30.0] * 12, pace="off")
    assert not any("seconds" in line for line in lines)
    assert not folder.exists() and desk.pace.estimate(100) is None


def test_the_figures_are_out_of_gits_reach_and_only_sums(root):
    _, _, folder = reviewed(root, *[30.0] * 12)
    assert ".git" in folder.parts and not kit.git(root, "status", "--porcelain")
    (file,) = folder.iterdir()
    assert set(json.loads(file.read_bytes())) == {"task", "reviewer", "way", "decisions", "seconds", "squares"}


def test_an_end_with_a_total_is_sound_also_where_it_was_torn():
    body = b'{"item":"media/a.txt","verdict":"flagged"}'
    whole = kit.label_file([body], end=False, kind="decisions", task="kinds", reviewer="ana")
    _, chain, _, _ = records.check(whole)
    end = chain.end(4000)
    assert records.check(whole + end + b"\n")[2:] == (True, [])
    for cut in range(1, len(end)):
        _, _, sealed, faults = records.check(whole + end[:cut])
        assert not sealed and all(fault.note for fault in faults)


def test_too_few_decisions_tell_no_pace(measured):
    assert measured(*[30.0] * 9).estimate(100) is None
    assert measured(*[30.0] * 10).estimate(100).each == 30.0


def test_steady_work_is_foretold_surely_and_changeable_work_is_not(measured):
    steady = measured(*[30.0] * 20).estimate(100)
    assert steady.low == steady.left == steady.high == 3000
    changeable = measured(*[5.0, 55.0] * 10, file="01B", task="other").estimate(100)
    assert changeable.left == 3000 and changeable.low < 2500 and changeable.high > 3500


def test_the_pace_is_ones_own_of_this_task_and_this_way(measured, tmp_path):
    measured(*[30.0] * 20)
    measured(*[2.0] * 20, file="01B", way="grid")
    measured(*[9.0] * 20, file="01C", reviewer="ben")
    assert Pace(tmp_path / "pace", "parts", "ana").estimate(1).each == 30.0
    assert Pace(tmp_path / "pace", "parts", "ana", "grid").estimate(1).each == 2.0
    assert Pace(tmp_path / "pace", "kinds", "ana").estimate(1) is None


def test_only_the_last_sessions_tell_the_pace(measured, tmp_path):
    measured(*[90.0] * 300, file="01A")
    measured(*[10.0] * 300, file="01B")
    assert Pace(tmp_path / "pace", "parts", "ana").estimate(1).each == 10.0


def test_old_sessions_are_forgotten(measured, tmp_path):
    for n in range(210):
        measured(1.0, file=f"01{n:04}")
    assert len(list((tmp_path / "pace").glob("*.json"))) <= 201


def test_a_damaged_file_costs_its_figures_only(measured, tmp_path):
    measured(*[30.0] * 20)
    (tmp_path / "pace" / "01Z.json").write_bytes(b"\xff{")
    assert Pace(tmp_path / "pace", "parts", "ana").estimate(1).each == 30.0


@given(st.lists(st.floats(0, 1e5), min_size=10, max_size=60), st.integers(0, 10**6))
def test_an_estimate_lies_in_its_range(tmp_path_factory, seconds, left):
    found = _taken(tmp_path_factory.mktemp("pace"), *seconds).estimate(left)
    assert 0 <= found.low <= found.left * (1 + 1e-9) + 1e-6 and found.left <= found.high * (1 + 1e-9) + 1e-6


@given(st.floats(0, 1e8))
def test_times_are_short_and_no_finer_than_they_are_worth(seconds):
    assert re.fullmatch(r"\d(\.\d)? s|\d\d s|\d\d? min|\d h( [1-5]0)?|[\d,]+ h", duration(seconds))


def test_times_in_words(measured):
    assert [duration(s) for s in (3.04, 40, 59.6, 700, 4150, 36_100, 360_000)] == ["3.0 s", "40 s", "1 min", "12 min", "1 h 10", "10 h", "100 h"]  # fmt: skip
    found = measured(*[38.0] * 12).estimate(110)
    assert in_short(found) == "38 s an item · about 1 h 10 left"
    assert "nine times in ten" in in_words(found) and "last 12" in in_words(found)
