"""Key presets, in which no key does two things, whichever view is open."""

from collections import Counter
from typing import get_args

import pytest

from trainset.core import preferences
from trainset.core.adjudicate_keys import ADJUDICATE_KEYS
from trainset.core.grid_keys import GRID_KEYS
from trainset.core.keymap import keymap, name
from trainset.core.keys import CORE_KEYS
from trainset.core.preferences import Keys
from trainset.core.presets import PRESETS, Preset
from trainset.errors import ConfigError
from trainset.plugins.registry import load
from trainset.plugins.specs import ViewSpec
from trainset.workspace import Workspace

SCREENS = {"item": CORE_KEYS, "grid": GRID_KEYS, "adjudicate": ADJUDICATE_KEYS}


def views():
    """The keys of every view that is installed, by its name."""
    specs = [spec for spec in Workspace().registry.every() if isinstance(spec, ViewSpec)]
    return {spec.name: load(spec.factory)().keys for spec in specs}


VIEWS = views()
PRESET = pytest.mark.parametrize("preset", get_args(Preset))


def taken(keys):
    """What each key does; fails where one does two things."""
    counted = Counter(key.key for key in keys)
    assert not [key for key, count in counted.items() if count > 1]
    return {key.key: name(key) for key in keys}


@PRESET
@pytest.mark.parametrize("view", VIEWS)
def test_no_key_does_two_things_on_an_item(preset, view):
    wanted = keymap(Keys(preset=preset), "item")
    taken((*wanted.bind(CORE_KEYS), *wanted.bind(VIEWS[view])))
    wanted.check(CORE_KEYS, VIEWS[view])


@PRESET
@pytest.mark.parametrize("screen", ["grid", "adjudicate"])
def test_no_key_does_two_things_elsewhere(preset, screen):
    taken(keymap(Keys(preset=preset), screen).bind(SCREENS[screen]))


@PRESET
@pytest.mark.parametrize("view", VIEWS)
def test_adjudication_takes_no_more_keys_from_a_view_than_without_it(preset, view):
    plain = {key.key for key in ADJUDICATE_KEYS}
    more = {key.key for key in keymap(Keys(preset=preset), "adjudicate").bind(ADJUDICATE_KEYS)} - plain
    looking = {key.key: key.command for key in VIEWS[view] if key.key in more}
    assert not looking or set(looking.values()) <= {"split", "brush-size"}  # these edit, which it refuses


@PRESET
def test_a_preset_names_what_there_is_and_leaves_every_command_a_key(preset):
    for screen, table in PRESETS[preset].items():
        keys = SCREENS[screen] + (sum(map(tuple, VIEWS.values()), ()) if screen == "item" else ())
        assert set(table) <= {name(key) for key in keys}
        assert all(table.values())


def test_ones_own_keys_go_before_those_of_the_preset():
    wanted = keymap(Keys(preset="azerty", item={"relabel 0": "F5"}), "item")
    by = taken(wanted.bind(CORE_KEYS))
    assert (by["F5"], by["é"], by["2"], by["left_parenthesis"]) == ("relabel 0", "relabel 1", "relabel 1", "relabel 4")
    assert "1" not in by and "ampersand" not in by


def test_a_key_of_ones_own_that_the_preset_gave_away_is_refused():
    with pytest.raises(ConfigError, match="would do both"):
        keymap(Keys(preset="azerty", item={"accept": "é"}), "item").check(CORE_KEYS)


def test_the_file_chooses_one(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "trainset").mkdir()
    file = tmp_path / "trainset" / "config.toml"
    file.write_text('[keys]\npreset = "azerty"\nmin-look = 300\n[keys.item]\naccept = "y"\n')
    found = preferences.load().keys
    assert (found.preset, found.min_look, found.item) == ("azerty", 300, {"accept": "y"})
    file.write_text('[keys]\npreset = "dvorak"\n')
    with pytest.raises(ConfigError, match=r"\[keys\] preset"):
        preferences.load()
