"""Settings out of TOML tables: what is wrong is named with the file, table and key as they were written."""

import tomllib

import pytest
from msgspec import Struct

from trainset.core.model import Unit
from trainset.core.settings import Places, typed, within
from trainset.errors import ConfigError


class Part(Struct, forbid_unknown_fields=True, rename="kebab"):
    at_least: Unit = 0
    names: list[str] = []


class Whole(Struct, forbid_unknown_fields=True):
    parts: dict[str, Part] = {}


def refused(text):
    with pytest.raises(ConfigError) as error:
        typed(tomllib.loads(text), Whole, Places("file", text))
    return error.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[parts.a]\n[parts.b]\nat-least = 2", "file: [parts.b] at-least: expected a number <= 1.0"),
        ("[parts]\na = {}\nb = { at-least = 2 }", "file: [parts] b.at-least: expected a number <= 1.0"),
        ("parts = { a = { at-least = -1 } }", "file: parts.a.at-least: expected a number >= 0.0"),
        ("[ parts . b ]\nat-most = 2", "file: [parts.b] at-most: there is no such setting"),
        ("[parts.b]\nat-least = nan", "file: [parts.b] at-least: nan is no number to set anything to"),
        ("[parts.b]\nat-least = inf", "file: [parts.b] at-least: inf is no number to set anything to"),
        ('[parts]\n"b c" = 1', 'file: [parts] "b c": expected a table, got a whole number'),
        (
            '[parts.b]\nnames = ["x", 1]',
            "file: [parts.b] names: number 2 of the list: expected text, got a whole number",
        ),
    ],
)
def test_what_is_wrong_has_its_place(text, message):
    assert refused(text) == message


def test_a_key_within_a_place_goes_on_as_the_place_is_written():
    assert within("file: [parts]", "b", "c") == "file: [parts] b.c"
    assert within("file: [parts] b", "c") == "file: [parts] b.c"
    assert within("file: [parts]") == "file: [parts]"
