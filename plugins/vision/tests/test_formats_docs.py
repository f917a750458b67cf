"""`docs/formats.md` has each exporter's table of losses, word for word."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from trainset_vision.plugin import trainset_formats

DOCS = Path(__file__).parents[3] / "docs" / "formats.md"
WRITERS = {spec.name: spec.exporter for spec in trainset_formats() if spec.exporter}


def table(name):
    module, _, exporter = WRITERS[name].partition(":")
    losses = getattr(import_module(module), exporter)().losses
    return "".join(f"| `{what}` | {becomes} |\n" for what, becomes in sorted(losses.items()))


@pytest.mark.skipif(not DOCS.exists(), reason="the documentation is in the repository only")
@pytest.mark.parametrize("name", WRITERS)
def test_the_documented_losses_are_those_of_the_exporter(name):
    section = re.search(rf"\(`{name}`\)\n(.*?)(?=\n## |\Z)", DOCS.read_text(), re.DOTALL)[1]
    written = section.partition("| loss | what becomes of it |\n| --- | --- |\n")[2]
    assert written.rstrip() == table(name).rstrip()
