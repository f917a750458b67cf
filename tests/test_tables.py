"""Classes in a table of labels."""

import pytest

from trainset.core.model import Class
from trainset.core.tables import CLASS_COLUMNS, ClassRows, named_columns

WORDS = {"name": ("name", "file"), **CLASS_COLUMNS}


def gathered(*rows):
    """What rows say together, and what is wrong with them."""
    item = ClassRows(2)
    problems = [said for row in rows if (said := item.add(row))]
    return item, problems


def test_columns_are_known_by_their_words_whatever_their_case_and_the_first_word_counts():
    assert named_columns(["File", " CATEGORY", "x", "Label"], WORDS) == {"name": 0, "label": 3}
    assert named_columns([], WORDS) == {}


def test_the_rows_of_an_item_are_its_classes_and_the_first_word_counts():
    item, problems = gathered(
        {"label": "b", "score": "0.5", "state": "reviewed", "split": "val", "decided_by": "ana"},
        {"label": " a ", "state": "flagged", "split": "test", "decided_by": "ben"},
        {"label": "b", "score": "0.7"},
    )
    found = item.imported("media/a")
    assert list(found.annotations) == [Class(label="b", score=0.5), Class(label="a")]
    assert (found.state, found.split, found.reviewer, found.verdict) == ("reviewed", "val", "ana", "accepted")
    assert not problems


def test_what_several_people_decided_is_nobodys_and_a_flag_stays_one():
    found = gathered({"decided_by": "ana ben", "state": "flagged"})[0].imported("media/a")
    assert (found.reviewer, found.verdict, found.annotations) == (None, "flagged", [])


@pytest.mark.parametrize("score", ["high", "7", "-0.1", "nan", "inf"])
def test_a_score_that_is_none_is_said_and_left_out(score):
    item, problems = gathered({"label": "a", "score": score})
    assert item.labels == {"a": None}
    assert problems == [f"the score {score!r} is no number in 0..1 and is left out"]


@pytest.mark.parametrize(
    ("row", "silent"),
    [({}, True), ({"state": "what"}, True), ({"state": "unlabelled", "label": "a"}, True),
     ({"state": "reviewed"}, False), ({"label": "a"}, False)],
)  # fmt: skip
def test_no_class_means_nothing_there_only_where_the_state_says_so(row, silent):
    assert gathered(row)[0].silent == silent
