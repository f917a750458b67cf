"""`docs/formats.md` has each exporter's table of losses, word for word."""

import re
from importlib import import_module
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs" / "formats.md"


def table(name):
    exporter = getattr(import_module(f"trainset_vision.formats.{name}"), f"{name.title()}Exporter")()
    return "".join(f"| `{what}` | {becomes} |\n" for what, becomes in sorted(exporter.losses.items()))


@pytest.mark.skipif(not DOCS.exists(), reason="the documentation is in the repository only")
@pytest.mark.parametrize("name", ["coco", "yolo", "voc", "csv", "folder"])
def test_the_documented_losses_are_those_of_the_exporter(name):
    section = re.search(rf"\(`{name}`\)\n(.*?)(?=\n## |\Z)", DOCS.read_text(), re.DOTALL)[1]
    assert section.partition("| --- | --- |\n")[2].rstrip() == table(name).rstrip()
