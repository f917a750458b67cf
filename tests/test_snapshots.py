"""The main screens as text, cell by cell. A picture is a ramp here, whose colours other tests compare.

Where a screen is meant to look otherwise, delete its file below `snapshots`: the next run writes it anew, and fails once.
"""

from pathlib import Path

import pytest

from . import test_adjudicate_screen as adjudicate
from . import test_grid_screen as grid
from .test_review_screen import shown

SNAPSHOTS = Path(__file__).parent / "snapshots"
SIZES = {"small": (80, 24), "middle": (120, 36)}
SCREENS = {
    "item": lambda size: shown("tab", size=size),
    "grid": lambda size: grid.after("s", "d", "2", size=size)[1],
    "adjudicate": lambda size: adjudicate.shown("left", "tab", size=size),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_looks_as_it_did(screen, size):
    file = SNAPSHOTS / f"{screen}-{size}.txt"
    text = "\n".join(line.rstrip() for line in SCREENS[screen](SIZES[size]).splitlines()) + "\n"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        pytest.fail(f"{file} was not there: it is now, look at it")
    assert text == file.read_text(encoding="utf-8")
