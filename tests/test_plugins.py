"""Plugins that are broken, in each other's way or not wanted: each costs a line, and the rest works."""

import json

import pytest

from trainset.testing import CommandLine

from .third_party_kit import audio_site, distribution

GOOD = """
from trainset.plugins import RankerSpec, hookimpl

@hookimpl
def trainset_rankers():
    yield RankerSpec(name={name!r}, factory="nowhere:Nothing", summary="made up")
"""
BROKEN = {
    "import-error": ("import not_installed_anywhere\n", "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
    "syntax-error": ("def broken(:\n", "SyntaxError: "),
    "hook-that-raises": (GOOD.format(name="odd").replace("yield", "raise RuntimeError('no luck')\n    yield"), "RuntimeError: no luck"),
    "wrong-spec": (GOOD.format(name="odd").replace("yield RankerSpec", "yield dict"), "trainset_rankers gives RankerSpec, not dict"),
    "unknown-hook": (GOOD.format(name="odd").replace("def trainset_rankers", "def trainset_wishes"), "unknown hook 'trainset_wishes'"),
    "newer-api": ("API = 99\n" + GOOD.format(name="odd"), "made for plugin API 99, this is 1: upgrade trainset"),
    "odd-api": ("API = 'one'\n" + GOOD.format(name="odd"), "made for plugin API one"),
}  # fmt: skip


def install(site, name, code, version="3.1"):
    module = name.replace("-", "_")
    distribution(site, f"dist-{name}", version, name, module)
    (site / f"{module}.py").write_text(code)


@pytest.fixture
def site(tmp_path):
    return tmp_path / "site"


@pytest.fixture
def line(tmp_path, site):
    return CommandLine(tmp_path, site)


def by_distribution(text):
    return {p["distribution"]: p for p in json.loads(text)}


def test_what_is_installed_is_listed_by_kind(site, line):
    install(site, "fine", GOOD.format(name="by-luck"))
    told = line("plugins")
    assert "dist-fine 3.1\n  ranker        by-luck                  made up\n" in told
    assert "annotation    class" in told


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_costs_a_line_that_names_distribution_version_and_error(tmp_path, site, line, name):
    code, error = BROKEN[name]
    install(site, name, code)
    install(site, "fine", GOOD.format(name="by-luck"))
    told = by_distribution(line.both("plugins", "--json", code=3).stdout)
    assert error in told[f"dist-{name}"]["error"]
    assert told[f"dist-{name}"]["provides"] == []
    assert told["dist-fine"]["provides"][0]["name"] == "by-luck"
    assert f"dist-{name} 3.1  broken: " in line("plugins", code=3)
    made = line.both("init", tmp_path / "d", "--modality", "vision")
    assert f"plugin {name} of dist-{name} 3.1 is left out: " in made.stderr
    assert made.stderr.count(f"dist-{name}") == 1
    assert "made dataset d" in made.stdout


def test_a_hook_that_breaks_half_way_gives_nothing_at_all(site, line):
    install(site, "half", GOOD.format(name="by-luck") + "    raise ValueError('half way')\n")
    assert by_distribution(line.both("plugins", "--json", code=3).stdout)["dist-half"]["provides"] == []


def test_two_plugins_that_claim_one_name_are_an_error_that_names_both(site, line):
    install(site, "first", GOOD.format(name="by-luck"))
    install(site, "second", GOOD.format(name="by-luck"))
    told = line("plugins", code=3)
    assert "the ranker 'by-luck' is registered twice: by dist-first and by dist-second" in told
    assert "TRAINSET_PLUGINS" in told
    line.environment["TRAINSET_PLUGINS"] = "first"
    assert "by-luck" in line("plugins")


def test_a_name_that_serves_all_may_be_claimed_by_a_modality_of_its_own(site, line):
    install(site, "mine", GOOD.format(name="random").replace("factory", 'modality="audio", factory'))
    assert "dist-mine" in line("plugins")


@pytest.mark.parametrize(
    ("wanted", "found"), [("", set()), ("fine", {"dist-fine"}), (" fine , other", {"dist-fine", "dist-other"})]
)
def test_the_environment_limits_plugins(site, line, wanted, found):
    for name in ("fine", "other", "third"):
        install(site, name, GOOD.format(name=name))
    line.environment["TRAINSET_PLUGINS"] = wanted
    assert set(by_distribution(line("plugins", "--json"))) == {"trainset", *found}


def test_a_plugin_that_is_not_wanted_is_not_imported(site, line):
    install(site, "loud", "raise SystemExit('imported')")
    line.environment["TRAINSET_PLUGINS"] = ""
    line("plugins")


def test_a_library_that_a_plugin_lacks_breaks_only_what_needs_it(tmp_path, line, site):
    audio_site(site)
    (site / "trainset_audio" / "segments.py").write_text("import not_installed_anywhere\n")
    assert by_distribution(line("plugins", "--json"))["trainset-audio"]["error"] is None
    line("init", tmp_path / "pictures", "--modality", "vision", "--task", "parts:box:screw")
    assert "task parts" in line("-C", tmp_path / "pictures", "status")
    line("init", tmp_path / "calls", "--modality", "audio", "--task", "calls:segment:bird")
    told = line("-C", tmp_path / "calls", "status", code=3)
    assert "trainset_audio.segments:Segment cannot be loaded: ModuleNotFoundError" in told


def test_views_that_take_the_cores_keys_are_refused(tmp_path, line, site):
    view = audio_site(site) / "trainset_audio" / "view.py"
    view.write_text(view.read_text().replace('Key("w"', 'Key("a"'))
    line("init", tmp_path / "calls", "--modality", "audio", "--task", "calls:segment:bird")
    line("-C", tmp_path / "calls", "reviewer", "add", "ana")
    program = (
        "from trainset.commands.review import view_for\nfrom trainset.workspace import Workspace\n"
        "w = Workspace()\nview_for(w.registry, w.open(__import__('pathlib').Path('calls')), 'segment')\n"
    )
    done = line.python(program)
    assert "view 'waveform' of trainset-audio takes keys that are the core's: a (split)" in done.stderr
