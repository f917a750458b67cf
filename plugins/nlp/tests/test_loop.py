"""From a table of texts to a committed, exported and verified dataset, by the command line."""

import csv
import json
import os
from pathlib import Path

import pytest

from trainset.testing import CommandLine

REAL = Path(os.environ.get("TRAINSET_REAL_DATA", "")) / "nlp"
needs_real_data = pytest.mark.skipif(not os.environ.get("TRAINSET_REAL_DATA"), reason="TRAINSET_REAL_DATA is not set")
ROWS = [
    ("u1", "My card has not arrived", "card_arrival"),
    ("u2", "What is the exchange rate today?", "exchange_rate"),
    ("u3", "Where is my card", "card_arrival"),
    ("u4", "Hello", "greeting"),
]


@pytest.fixture
def run(tmp_path):
    return CommandLine(tmp_path)


def table(path, rows, header=("uid", "body", "label")):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])


def test_the_loop(tmp_path, run):
    data = tmp_path / "d"
    run("init", data, "--modality", "nlp", "--task", "intent:classify:card_arrival,exchange_rate,greeting")
    table(data / "media" / "t.csv", ROWS)
    assert "no setting 'kye'" in run("-C", data, "add", data / "media", "--set", "kye=uid", code=1)
    out = run("-C", data, "add", data / "media", "--key", "uid", "--set", "text=body")
    assert "4 items added" in out
    assert 'key = "uid"' in (data / "trainset.toml").read_text()
    assert "3 annotations, 1 without any" in run("-C", data, "prelabel")
    run("-C", data, "reviewer", "add", "ana")
    items = [json.loads(line) for line in run("-C", data, "items", "--json").splitlines()]
    assert {i["key"] for i in items} == {f"media/t.csv#u{n}" for n in range(1, 5)}
    lines = [
        {"item": f"media/t.csv#{row}", "verdict": "corrected", "annotations": [{"label": label}]}
        for row, _, label in ROWS[1:]
    ]
    run("-C", data, "decide", "--from", "-", stdin="\n".join(map(json.dumps, lines)))
    run("-C", data, "decide", "media/t.csv#u1", "--verdict", "accepted")
    run("-C", data, "commit")
    run("-C", data, "export", "csv", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as stream:
        assert [(r["id"], r["text"], r["label"]) for r in csv.DictReader(stream)] == [
            (f"t.csv#{row}", text, label) for row, text, label in ROWS
        ]
    assert "0 problems" in run("-C", data, "verify", "--media")


def test_rows_may_be_added_moved_and_edited_without_touching_others(tmp_path, run):
    data = tmp_path / "d"
    run("init", data, "--modality", "nlp", "--task", "intent:classify:a,b")
    table(data / "media" / "t.csv", ROWS)
    run("-C", data, "add", data / "media", "--key", "uid", "--set", "text=body")
    edited = [("u9", "A new one", "greeting"), *ROWS[:0:-1], ("u1", "My card is lost", "card_arrival")]
    table(data / "media" / "t.csv", edited)
    assert "1 item added, 1 changed, 3 known" in run("-C", data, "add", data / "media")
    assert "0 problems" in run("-C", data, "verify", "--media")
    table(data / "media" / "t.csv", edited[:-1])
    assert "has no row 'u1' any more" in run("-C", data, "verify", "--media", code=1)


def test_labels_of_another_table_find_their_texts_by_what_these_say(tmp_path, run):
    data = tmp_path / "d"
    run("init", data, "--modality", "nlp", "--task", "intent:classify:card_arrival,exchange_rate,greeting")
    table(data / "media" / "t.csv", [(text,) for _, text, _ in ROWS], ("text",))
    run("-C", data, "add", data / "media")
    run("-C", data, "reviewer", "add", "ana")
    table(tmp_path / "answers.csv", [(text, label) for _, text, label in ROWS[1:]], ("text", "label"))
    assert "3 decisions recorded" in run("-C", data, "import", "csv", tmp_path / "answers.csv", "--reviewer", "ana")


@needs_real_data
def test_real_intents_come_in_as_decisions_once(tmp_path, run):
    data, source = tmp_path / "d", REAL / "banking77" / "test.csv"
    run("init", data, "--modality", "nlp", "--task", "intent:classify")
    run("-C", data, "add", source, "--source", "bank")
    run("-C", data, "reviewer", "add", "ana")
    assert "3,080 decisions recorded" in run("-C", data, "import", "csv", source, "--reviewer", "ana")
    assert "3,080 unchanged" in run("-C", data, "import", "auto", source, "--reviewer", "ana")
    run("-C", data, "export", "csv", tmp_path / "out.csv")
    with source.open(newline="") as before, (tmp_path / "out.csv").open(newline="") as after:
        was = sorted((r["text"], r["category"]) for r in csv.DictReader(before))
        assert sorted((r["text"], r["label"]) for r in csv.DictReader(after)) == was
