"""The filter grammar: what it selects, and that no text of it can do anything else."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainset.core.where import parse, quoted
from trainset.errors import UsageError

ROWS = [  # key, split, group, state, reasons, decided_by, run, low, labels, attrs
    ("cam/1.png", "train", "p1", "reviewed", "[]", "ana bo", "R1", 0.9, "|screw|nut|", "|bent=true|"),
    ("cam/2.png", "test", "p1", "predicted", '["reopened: dark"]', "", "R1", 0.3, "|screw|", ""),
    ("cam/it's [x].png", "val", None, None, None, None, None, None, None, None),
]


@pytest.fixture(scope="module")
def select():
    db = sqlite3.connect(":memory:")
    db.executescript(
        "CREATE TABLE item (id INTEGER PRIMARY KEY, key TEXT, split TEXT, grp TEXT);"
        "CREATE TABLE state (item INT, state TEXT, reasons TEXT, decided_by TEXT, run TEXT, low REAL, labels TEXT, attrs TEXT);"
        "CREATE TABLE file (id INTEGER PRIMARY KEY, present INT, started TEXT);"
        "CREATE TABLE decision (item INT, task TEXT, file INT, labels TEXT);"
        "CREATE TABLE prediction (item INT, task TEXT, file INT, labels TEXT);"
        "CREATE TABLE finding (item INT, task TEXT, rule TEXT);"
        "INSERT INTO file VALUES (1, 1, '2026-11-05T10:00:00Z'); INSERT INTO decision VALUES (1, 't', 1, '|washer|');"
        "INSERT INTO finding VALUES (2, 't', 'min-score');"
    )
    for number, (key, split, group, *state) in enumerate(ROWS, 1):
        db.execute("INSERT INTO item VALUES (?, ?, ?, ?)", (number, key, split, group))
        if state[0]:
            db.execute(f"INSERT INTO state VALUES ({number}, ?, ?, ?, ?, ?, ?, ?)", state)

    def run(text):
        condition = parse(text, "t")
        query = f"SELECT i.id FROM item i LEFT JOIN state s ON s.item=i.id WHERE {condition.sql} ORDER BY 1"
        return [n for (n,) in db.execute(query, condition.values)]

    return run


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", [1, 2, 3]),
        ("state = reviewed", [1]),
        ("state=unlabelled", [3]),
        ("state = reviewed, predicted", [1, 2]),
        ("state != reviewed", [2, 3]),
        ("label = nut", [1]),
        ("not label = nut", [2, 3]),
        ("was-label = washer", [1]),
        ("score < 0.5", [2]),
        ("score >= 0.5", [1]),
        ("reviewer = bo", [1]),
        ("reviewer = b", []),
        ("run = R1", [1, 2]),
        ("reason = min-score", [2]),
        ("reason = reopened", [2]),
        ("attribute.bent = true", [1]),
        ("split = test or split = val", [2, 3]),
        ("group = p1 and not split = test", [1]),
        ("date >= 2026-11 and date < 2026-12", [1]),
        ("date > 2026-11", []),
        ("key = cam/2.png", [2]),
        ("key = cam/*", [1, 2, 3]),
        ('key = "cam/it\'s [x]*"', [3]),
        ("(state = reviewed or state = predicted) and score < 0.5", [2]),
    ],
)
def test_it_selects(select, text, items):
    assert select(text) == items


@pytest.mark.parametrize(
    "text",
    [
        "state",
        "state =",
        "= reviewed",
        "split = a and",
        "(split = a",
        "split = a)",
        "colour = red",
        "state = reveiwed",
        "label > screw",
        "score < high",
        "state ~ a",
        "'",
    ],
)
def test_what_it_cannot_read_is_said_with_an_example(text):
    with pytest.raises(UsageError) as error:
        parse(text, "t")
    assert "--where" in error.value.message and error.value.hint


@pytest.mark.parametrize("date", ["banana", "20", "2026-13", "2026-02-30", "2026-1", "2026-11-24T1"])
def test_what_is_no_date_is_refused(date):
    with pytest.raises(UsageError, match="is not a date"):
        parse(f"date >= {date}", "t")


@pytest.mark.parametrize("date", ["2026", "2026-11", "2026-11-24", "2026-11-24T10:00", "2026-11-24T10:00:00Z"])
def test_a_date_is_given_as_far_as_one_wants(select, date):
    assert isinstance(select(f"date >= {date}"), list)


def test_what_the_database_cannot_take_is_refused_before():
    with pytest.raises(UsageError, match="8 deep"):
        parse("(" * 5000 + "state = predicted" + ")" * 5000, "t")
    with pytest.raises(UsageError, match="more than 500 values"):
        parse(f"key = {','.join(map(str, range(501)))}", "t")


def test_many_terms_are_taken(select):
    assert select(" or ".join(["key = x"] * 498 + ["state = reviewed"])) == [1]


@given(st.text())
def test_no_text_reaches_sql_but_as_a_parameter(select, text):
    try:
        select(text)
    except UsageError:
        pass


@given(st.sampled_from(["key", "label", "reviewer", "split", "group", "reason", "attribute.x"]), st.text(min_size=1))
def test_any_value_can_be_quoted(select, field, value):
    assert isinstance(select(f"{field} = {quoted(value)}"), list)


@given(st.text(min_size=1))
def test_what_is_quoted_is_that_value(value):
    assert parse(f"split = {quoted(value)}", "t").values == (value,)
