"""Which glyphs, colours and graphics a terminal gets, by what it says and by what somebody wants."""

import os
import pty
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trainset.core.preferences import Display
from trainset.tui import probe
from trainset.tui.canvas.ansi import encode
from trainset.tui.canvas.blocks import SUBCELLS, to_cells
from trainset.tui.canvas.budget import tolerance
from trainset.tui.canvas.mosaic import QUADRANTS, SEXTANTS
from trainset.tui.probe import Answers, ask, parse
from trainset.tui.terminal import detect

# -- cells of several sub-cells -------------------------------------------------------------------------------


@pytest.mark.parametrize(("renderer", "glyphs"), [("quad", QUADRANTS), ("sextant", SEXTANTS)])
@given(st.data())
def test_two_colours_in_a_cell_are_shown_exactly(renderer, glyphs, data):
    down, across = SUBCELLS[renderer]
    which = data.draw(hnp.arrays(np.uint8, (down, across), elements=st.integers(0, 1)))
    colors = np.array([[200, 30, 40], [10, 220, 90]], np.uint8)
    assert (shown(to_cells(colors[which], renderer), glyphs, down) == colors[which]).all()


def shown(cells, glyphs, down):
    """The raster that one cell shows."""
    bits = glyphs.index(chr(cells.code[0, 0]))
    return np.array(
        [[(cells.fg if bits >> (2 * y + x) & 1 else cells.bg)[0, 0] for x in range(2)] for y in range(down)]
    )


@pytest.mark.parametrize(("renderer", "glyphs"), [("quad", QUADRANTS), ("sextant", SEXTANTS)])
@given(st.data())
@settings(max_examples=40)
def test_no_other_split_of_a_cell_is_closer_to_the_picture(renderer, glyphs, data):
    down, across = SUBCELLS[renderer]
    raster = data.draw(hnp.arrays(np.uint8, (down, across, 3)))
    error = ((shown(to_cells(raster, renderer), glyphs, down).astype(float) - raster) ** 2).sum()
    parts = raster.reshape(-1, 3).astype(float)
    best = np.inf
    for pattern in range(1 << len(parts)):
        front = np.array([bool(pattern >> n & 1) for n in range(len(parts))])
        means = [parts[side].mean(0) if side.any() else 0 for side in (front, ~front)]
        best = min(best, ((np.where(front[:, None], *means) - parts) ** 2).sum())
    assert error <= best + 3 * len(parts)  # colours are rounded, and no glyph is spent on what rounding makes


def test_each_sextant_is_the_one_that_unicode_has_for_its_pattern():
    assert [f"{ord(SEXTANTS[n]):X}" for n in (1, 0b010100, 0b010110, 0b101001, 0b101011, 0b111110)] == [
        "1FB00", "1FB13", "1FB14", "1FB27", "1FB28", "1FB3B",
    ]  # fmt: skip
    assert [SEXTANTS[n] for n in (0, 0b010101, 0b101010, 0b111111)] == [" ", "▌", "▐", "█"]


def test_a_cell_of_one_colour_needs_no_glyph():
    for renderer, (down, across) in SUBCELLS.items():
        if renderer != "ascii":
            cells = to_cells(np.full((2 * down, 3 * across, 3), 77, np.uint8), renderer)
            assert (cells.code == ord(" ")).all() and (cells.bg == 77).all()


# -- bytes ----------------------------------------------------------------------------------------------------


def photograph(noise):
    """Something with the differences between neighbours that photographs have, as cells."""
    random = np.random.default_rng(4)
    y, x = np.mgrid[0:100, 0:196]
    smooth = 120 + 60 * np.sin(x / 21) + 40 * np.cos(y / 13)
    return to_cells(
        np.clip(smooth[..., None] + random.normal(0, noise, (100, 196, 3)), 0, 255).astype(np.uint8), "half"
    )


@pytest.mark.parametrize("noise", [1, 4, 8])
@pytest.mark.parametrize(("depth", "budget"), [("24bit", 8), ("24bit", 12), ("256", 8)])
def test_a_frame_costs_about_its_budget(noise, depth, budget):
    cells = photograph(noise)
    size = sum(len(row.encode()) for row in encode(cells, depth, tolerance(cells, depth, budget)))
    assert size <= 1.35 * budget * cells.code.size


def test_without_a_budget_no_colour_is_changed():
    assert tolerance(photograph(20), "24bit", 0) == 0


def test_what_costs_little_keeps_its_colours():
    cells = to_cells(np.full((100, 196, 3), 9, np.uint8), "half")
    assert tolerance(cells, "24bit", 8) == 0


# -- detection ------------------------------------------------------------------------------------------------


def found(environ=None, color_system="256", display=None, **answers):
    return detect(environ or {}, color_system, display=display or Display(), answers=Answers(**answers))


@pytest.mark.parametrize(
    ("environ", "color_system", "title"),
    [
        ({}, "truecolor", "half/24-bit"),
        ({}, "256", "half/256 colours"),
        ({"NO_COLOR": "1"}, "truecolor", "ascii/no colour"),
        ({"TERM": "xterm-kitty"}, "256", "sextant/24-bit"),
        ({"TERM": "foot-direct"}, "truecolor", "sextant/24-bit"),
        ({"VTE_VERSION": "7600"}, "truecolor", "sextant/24-bit"),
        ({"VTE_VERSION": "5202"}, "truecolor", "half/24-bit"),
        ({"TERM": "alacritty"}, "truecolor", "quad/24-bit"),
        ({"KITTY_WINDOW_ID": "1", "TMUX": "x"}, "truecolor", "half/24-bit"),
        ({"KITTY_WINDOW_ID": "1", "STY": "x"}, "256", "half/256 colours"),
    ],
)
def test_the_terminal_is_told_from_its_environment(environ, color_system, title):
    assert found(environ, color_system).title == title


@pytest.mark.parametrize(
    ("version", "title"),
    [
        ("kitty(0.32.2)", "sextant/24-bit"),
        ("kitty(0.19.3)", "half/24-bit"),
        ("foot(1.16.2)", "sextant/24-bit"),
        ("WezTerm 20240203-110809-5046fc22", "sextant/24-bit"),
        ("ghostty 1.0.1", "sextant/24-bit"),
        ("VTE(7600)", "sextant/24-bit"),
        ("Konsole 22.12.3", "quad/24-bit"),
        ("XTerm(390)", "half/256 colours"),
        ("\u009b31m nonsense", "half/256 colours"),
    ],
)
def test_the_terminal_is_told_from_its_own_answer_also_over_ssh(version, title):
    terminal = found({"SSH_CONNECTION": "a b", "TERM": "xterm-256color"}, version=version, answered=True)
    assert terminal.title == title


def test_bytes_are_counted_behind_tmux_and_over_ssh():
    here, far, inside = (found(e).budget for e in ({}, {"SSH_TTY": "x"}, {"SSH_TTY": "x", "TMUX": "x"}))
    assert here == 0 and 0 < inside < far


def test_graphics_need_a_terminal_that_shows_them_where_it_is_told_to():
    assert found(version="kitty(0.32.2)").graphics == "kitty"
    assert found(version="kitty(0.26.5)").graphics is None
    assert found(version="WezTerm 20240203", sixel=True).graphics == "sixel"
    assert found(version="XTerm(390)", answered=True).graphics is None
    assert found({"TMUX": "x"}, sixel=True).graphics is None


def test_what_is_wanted_overrules_what_is_found():
    wanted = Display(glyphs="quad", colours="256", graphics="sixel", bytes=5)
    terminal = found({"NO_COLOR": "1", "TMUX": "x"}, display=wanted)
    assert (terminal.title, terminal.graphics, terminal.budget) == ("quad/256 colours", "sixel", 5)
    assert detect({}, "256", "ascii", "24bit", display=wanted).title == "ascii/24-bit"


def test_every_choice_has_its_reason():
    why = dict(found({"TMUX": "x"}, "truecolor").why)
    assert set(why) == {"glyphs", "colours", "graphics", "bytes"} and "tmux" in why["glyphs"]


# -- asking ---------------------------------------------------------------------------------------------------

ANSWER = "\x1bP>|kitty(0.32.2)\x1b\\\x1b[6;20;10t\x1b[?62;4;22c"


def test_answers_are_found_among_what_was_typed():
    assert parse(f"ab{ANSWER}c") == Answers("kitty(0.32.2)", (10, 20), True, True)


@given(st.text())
def test_anything_may_come_instead_of_an_answer(text):
    assert parse(text).cell is None or "t" in text


def through_a_pty(answer):
    """What `ask` makes of a terminal that sends `answer` once it was asked for its attributes, and what it was asked."""
    ours, theirs = pty.openpty()
    asked = []

    def terminal():
        while b"\x1b[c" not in b"".join(asked):
            asked.append(os.read(ours, 1024))
        os.write(ours, answer.encode())

    thread = threading.Thread(target=terminal)
    thread.start()
    with os.fdopen(theirs, "r", closefd=False) as source, os.fdopen(theirs, "w", closefd=False) as sink:
        answers = ask({"TERM": "xterm"}, source, sink)
    thread.join()
    os.close(ours), os.close(theirs)
    return answers, b"".join(asked).decode()


def test_a_terminal_is_asked_and_its_answers_are_not_left_as_keys():
    answers, asked = through_a_pty(ANSWER)
    assert answers.version == "kitty(0.32.2)" and answers.sixel
    assert asked.endswith("\x1b[c") and asked.count("\x1b[c") == 1


def test_a_terminal_that_says_nothing_is_not_waited_for_long(monkeypatch):
    monkeypatch.setattr(probe, "_HERE", 0.01)
    assert through_a_pty("")[0] == Answers()


def test_what_is_no_terminal_is_not_asked(tmp_path):
    with (tmp_path / "sink").open("w+") as file:
        assert ask({}, file, file) == Answers() and not file.tell()
