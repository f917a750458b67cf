"""Keys and the rest of what one person wants, from their configuration file."""

import re
import tomllib
from pathlib import Path

import pytest

from trainset.core import preferences
from trainset.core.grid_keys import GRID_KEYS
from trainset.core.keymap import Keymap, key_of, name, textual_name
from trainset.core.keys import CORE_KEYS
from trainset.core.preferences import Display
from trainset.core.protocols import Key
from trainset.errors import ConfigError

from .command import trainset

VIEW = (Key("h", "move", "left", (-1, 0)), Key("l", "move", "right", (1, 0)), Key("b", "add", "new object"))


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes the configuration file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("TRAINSET_DISPLAY", raising=False)

    def to(text):
        (tmp_path / "trainset").mkdir(exist_ok=True)
        (tmp_path / "trainset" / "config.toml").write_text(text)

    return to


def test_without_a_file_everything_is_as_it_was(write):
    assert preferences.load() == preferences.DEFAULT


def test_the_file_says_how_it_looks_and_which_keys_there_are(write):
    write('[display]\nglyphs = "half"\ntheme = "nord"\n[keys.item]\naccept = ["y", "enter"]\n"go 1" = "right"\n')
    found = preferences.load()
    assert (found.display.glyphs, found.display.theme) == ("half", "nord")
    assert found.keys.item == {"accept": ("y", "enter"), "go 1": "right"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[display]\nglyphs = "octant"\n', "config.toml: [display] glyphs"),
        ("[display]\nrenderer = 1\n", "config.toml: [display] renderer: there is no such setting"),
        ("[display]\nbytes = -1\n", "config.toml: [display] bytes"),
        ("[keys.item]\naccept = 3\n", "config.toml: [keys.item] accept"),
        ("[keys]\nmove = 'h'\n", "config.toml: [keys] move"),
        ("[display\n", "config.toml: "),
    ],
)
def test_what_is_wrong_in_the_file_is_named(write, text, said):
    write(text)
    with pytest.raises(ConfigError) as caught:
        preferences.load()
    assert said in str(caught.value.message)


def test_the_environment_overrules_the_display_key_by_key(write, monkeypatch):
    write('[display]\nglyphs = "half"\ngraphics = "none"\n')
    monkeypatch.setenv("TRAINSET_DISPLAY", "glyphs=sextant bytes=6")
    assert preferences.load().display == Display(glyphs="sextant", graphics="none", bytes=6)
    for wrong in ("glyphs", "glyphs=octant", "nothing=1", "bytes=-1"):
        monkeypatch.setenv("TRAINSET_DISPLAY", wrong)
        with pytest.raises(ConfigError, match="TRAINSET_DISPLAY"):
            preferences.load()


def test_a_file_that_is_relative_to_nowhere_is_looked_for_at_home(tmp_path):
    assert preferences.place({"HOME": "/home/ana"}).as_posix() == "/home/ana/.config/trainset/config.toml"
    assert preferences.place({"HOME": "/h", "XDG_CONFIG_HOME": "x"}).as_posix() == "/h/.config/trainset/config.toml"


# -- keys -----------------------------------------------------------------------------------------------------


def test_every_command_of_the_core_has_a_name_of_its_own():
    for keys in (CORE_KEYS, GRID_KEYS):
        helps = {}
        for key in keys:
            assert helps.setdefault(name(key), key.help) == key.help


def test_a_command_gets_other_keys_and_gives_up_its_own():
    bound = Keymap({"accept": ("y", "space"), "move -1 0": "a", "skip": ()}).bind((*CORE_KEYS, *VIEW))
    by = {key.key: name(key) for key in bound}
    assert (by["y"], by["space"], by["a"], by["l"]) == ("accept", "accept", "move -1 0", "move 1 0")
    assert "enter" not in by and "h" not in by and "skip" not in by.values()
    assert key_of(bound, "accept") == "y" and key_of(bound, "skip") is None


@pytest.mark.parametrize(
    ("text", "key"),
    [(";", "semicolon"), ("/", "slash"), ("?", "question_mark"), ("+", "plus"), ("ctrl+-", "ctrl+minus"), ("_", "underscore"),
     ("ctrl++", "ctrl+plus"), ("A", "A"), ("ö", "ö"), ("pagedown", "pagedown"), ("shift+left", "shift+left"), ("@", "at")],
)  # fmt: skip
def test_keys_are_given_by_their_character_or_by_name(text, key):
    assert textual_name(text) == key


def test_two_commands_of_one_key_are_refused_and_both_are_named():
    with pytest.raises(ConfigError) as caught:
        Keymap({"accept": "s"}, "c.toml: [keys.item]").check(CORE_KEYS, VIEW)
    assert "c.toml: [keys.item]: s would do both 'accept' and 'skip'" in caught.value.message
    assert "skip = []" in caught.value.hint
    with pytest.raises(ConfigError, match=r"'add' and 'accept'|'accept' and 'add'"):
        Keymap({"accept": "b"}).check(CORE_KEYS, VIEW)
    Keymap({"accept": "s", "skip": "a"}).check(CORE_KEYS, VIEW)
    Keymap({"accept": "s", "skip": ()}).check(CORE_KEYS, VIEW)


def test_a_name_that_nothing_has_is_refused_with_those_that_are_like_it():
    with pytest.raises(ConfigError) as caught:
        Keymap({"go": "y"}).check(CORE_KEYS, VIEW)
    assert "'go 1'" in caught.value.hint and "'go -10'" in caught.value.hint
    with pytest.raises(ConfigError, match="there is no such command"):
        Keymap({"acept": "y"}).check(CORE_KEYS, VIEW)


def test_a_name_of_another_view_waits_for_that():
    Keymap({"slice 1": "y"}).check(CORE_KEYS, VIEW, others=lambda: (Key("j", "slice", "next", 1),))


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+i", "ctrl+[", ""])
def test_keys_that_a_terminal_sends_as_others_are_refused(key):
    with pytest.raises(ConfigError, match="cannot be bound"):
        Keymap({"accept": key})


def test_every_preference_is_documented():
    page = (Path(__file__).parent.parent / "docs" / "configuration.md").read_text(encoding="utf-8")
    _, _, yours = page.partition("## Yours alone")
    for key in preferences.Display.__struct_encode_fields__:
        assert f"| `{key}` |" in yours
    for field in preferences.Keys.__struct_encode_fields__:
        assert f"[keys.{field}]" in yours or f"| `{field}` |" in yours


def test_the_example_of_the_manual_works_with_the_views_of_images():
    from trainset_vision.view import ImageView

    page = (Path(__file__).parent.parent / "docs" / "review.md").read_text(encoding="utf-8")
    example = tomllib.loads(re.search(r"```toml\n(\[keys.item\].*?)```", page, re.S)[1])
    Keymap(example["keys"]["item"]).check(CORE_KEYS, ImageView().keys)


def test_keys_that_clash_are_said_before_the_screen_opens(parts, write):
    write('[keys.item]\naccept = "b"\n')
    said = trainset("review", cwd=parts, code=1).err
    assert "config.toml: [keys.item]: b would do both" in said and "'accept'" in said and "'add'" in said
    write('[keys.item]\nerase = "b"\nadd = "E"\n"slice 1" = "f9"\n')
    assert "review needs a terminal" in trainset("review", cwd=parts, code=2).err
