"""Text from data in a real terminal: whatever it holds, the bytes that arrive are text, and none of them a command."""

import json
import re
import shlex
import shutil
import sys
import time

import pytest

from .command import picture, trainset
from .pty_kit import terminal

EVIL = "\x1b]52;c;RVZJTA==\x07\x9b31m\u202eEVIL\x1b[2J[/nope]"
SEEN = "[/nope]"
PROGRAM = [sys.executable, "-m", "trainset"]

SETTINGS = """[dataset]
name = "parts"
modality = "vision"

[review]
blind = []

[tasks.parts]
type = "box"

[tasks.parts.labels]
screw = { index = 0, name = EVIL }
nut = { index = 1, name = "nut" }

[tasks.parts.attributes]
state = { type = "choice", choices = ["[/nope]", "new"], of = "object" }
weather = { type = "choice", choices = ["[/nope]", "dry"], of = "item" }

[reviewers.ana]
name = EVIL
[reviewers.ben]
name = "Ben"
"""


def box(label, x):
    return {"type": "box", "id": "a1", "label": label, "box": [x, 10, 20, 20], "score": 0.5}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A data set in which everything that people and programs name has a name like that."""
    root = tmp_path_factory.mktemp("hostile") / "parts"
    trainset("init", root, "--modality", "vision", "--task", "parts:box:screw,nut", cwd=root.parent)
    (root / "trainset.toml").write_text(SETTINGS.replace("EVIL", json.dumps(EVIL)), encoding="utf-8")
    (root / "guidelines" / "parts.md").write_text(f"# {EVIL}\n\n{EVIL}\n", encoding="utf-8")
    keys = [f"p{n}{EVIL.replace('/', '')}[nope].png" for n in range(4)]
    for key in keys:
        picture(root / "media" / key, (8, 10, 14, 12))
    trainset("add", root / "media", cwd=root)
    proposed = root.parent / "proposed.jsonl"
    lines = [
        {"key": f"media/{key}", "task": "parts", "state": "predicted", "annotations": [box("screw", 5)]} for key in keys
    ]
    proposed.write_text("".join(json.dumps(line) + "\n" for line in lines))
    trainset("import", "jsonl", proposed, "--as", "predictions", "--task", "parts", cwd=root)
    trainset("route", cwd=root)
    said = {"item": f"media/{keys[1]}", "verdict": "flagged", "note": EVIL}
    trainset("decide", "--from", "-", "--reviewer", "ben", cwd=root, stdin=json.dumps(said))
    elsewhere = root.parent / "elsewhere"
    shutil.copytree(root, elsewhere)
    for place, who, label in ((root, "ana", "screw"), (elsewhere, "ben", "nut")):
        said = {"item": f"media/{keys[0]}", "verdict": "corrected", "annotations": [box(label, 5)], "note": EVIL}
        trainset("decide", "--from", "-", "--reviewer", who, cwd=place, stdin=json.dumps(said))
    shutil.copytree(elsewhere / "labels", root / "labels", dirs_exist_ok=True)
    return root


def check(written):
    """None of these bytes is a command of the data's, and the data was there to be seen."""
    text = re.sub(r"\x1b\]22;[a-z-]*\x07", "", written.decode("utf-8"))  # Textual's own: the pointer's shape
    assert SEEN in text
    assert not re.search(r"\x1b\]52|\x1b\[2J\[/nope|\x07|[\x80-\x9f\u202a-\u202e\u2066-\u2069]", text)


TYPED = {
    "item": [("e", "Why am I seeing this?"), ("e", ""), ("g", "Guidelines for"), ("g", ""), ("?", "This view"), ("?", ""),
             ("t", "ype a part of its name"), ("\x1b", ""), ("A", "Attributes of"), ("\x1b", ""), (";", "Comment"), ("\x1b", ""),
             (":", "Commands"), ("\x1b", ""), ("i", "Esc closes"), ("\x1b", ""), ("n", ""), ("1", ""), ("a", "")],
    "grid": [("E", "Why is it here?"), ("E", ""), ("G", "Guidelines for"), ("G", ""), ("T", "ype a part of its name"), ("\x1b", ""),
             ("/", "Find a label to look at"), ("\x1b", ""), ("s", ""), ("\r", "")],
    "adjudicate": [("E", "Why am I seeing this?"), ("E", ""), ("g", "Guidelines for"), ("g", ""), (" ", ""), ("v", ""),
                   ("v", ""), ("\t", ""), ("e", ""), ("q", ""), ("1", "")],
}  # fmt: skip
"""Keys, and what then stands on the screen."""


@pytest.mark.parametrize("mode", TYPED)
def test_a_screen_shows_it(hostile, mode, tmp_path):
    root = tmp_path / "parts"
    shutil.copytree(hostile, root)
    (tmp_path / "trainset").mkdir()
    (tmp_path / "trainset" / "config.toml").write_text("[display]\nbell = false\n")
    words = [*PROGRAM, "review", "--mode", mode, "--reviewer", "ana"]
    with terminal(*words, cwd=root, XDG_CONFIG_HOME=str(tmp_path), COLORTERM="truecolor") as screen:
        screen.until("undo 0")
        for keys, text in TYPED[mode]:
            screen.type(keys, text)
            time.sleep(0.3)
        screen.type("q", "not committed")
        screen.type("q", "\x1b[?1049l")
        assert screen.end() == 0
    check(screen.bytes)


COMMANDS = """status
items
items --json
show KEY
show KEY --json
log KEY
verify
route
decide KEY --verdict accepted --reviewer KEY
items --where KEY
reopen --where 'state = flagged' --reason KEY --yes --reviewer ana
export jsonl KEY --task parts
import auto KEY --task parts
add KEY
review --task KEY --reviewer ana
model add KEY
KEY
commit -m KEY
log"""
RUN = """import sys
from trainset.cli import main
for words in {commands!r}:
    sys.argv = ["trainset", *words]
    try:
        main()
    except SystemExit:
        pass
"""


def test_commands_print_it(hostile, tmp_path):
    root = tmp_path / "parts"
    shutil.copytree(hostile, root)
    key = json.loads(trainset("items", "--json", cwd=root).out.splitlines()[0])["key"]
    commands = [[word.replace("KEY", key) for word in shlex.split(line)] for line in COMMANDS.splitlines()]
    with terminal(sys.executable, "-c", RUN.format(commands=commands), cwd=root) as screen:
        assert screen.end() == 0
    check(screen.bytes.replace(b"[nope].png", SEEN.encode()))
