"""What the canvas makes of scenes: planes of cells, and their ANSI."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rich.console import Console

from trainset.core.scene import Picture, Point, Rect, Run, Scene, Shape, Size, Tint
from trainset.tui.canvas import strip
from trainset.tui.canvas.ansi import encode, merge_runs, to_256
from trainset.tui.canvas.blocks import to_cells
from trainset.tui.canvas.camera import Camera
from trainset.tui.canvas.cells import BOLD, CONTINUED, DIM, REVERSE, UNDERLINE, Cells, cluster_text
from trainset.tui.canvas.graphemes import clusters, fitted, fitted_end, width
from trainset.tui.canvas.overlay import segments, trace
from trainset.tui.canvas.painter import Painter, message
from trainset.tui.canvas.palette import BACKGROUND, BRIGHT, OKABE_ITO

TOKEN = re.compile(r"\x1b\[([0-9;]*)m|(.)", re.DOTALL)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def parse(row):
    """A 24-bit row as a terminal reads it: (character, fg, bg, bold, underline) for each character."""
    fg = bg = None
    bold = underline = False
    out = []
    for codes, char in TOKEN.findall(row):
        if char:
            out.append((char, fg, bg, bold, underline))
            continue
        numbers = [int(n) for n in codes.split(";")]
        while numbers:
            code = numbers.pop(0)
            if code == 0:
                fg = bg = None
                bold = underline = False
            elif code in (38, 48):
                assert numbers.pop(0) == 2
                color = tuple(numbers.pop(0) for _ in range(3))
                fg, bg = (color, bg) if code == 38 else (fg, color)
            elif code == 1:
                bold = True
            else:
                assert code == 4
                underline = True
    return out


@st.composite
def some_cells(draw):
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    few = hnp.arrays(np.uint8, (rows, columns, 3), elements=st.sampled_from([0, 7, 99, 255]))
    code = draw(hnp.arrays(np.uint32, (rows, columns), elements=st.sampled_from([ord(c) for c in " aé▀京😀"])))
    style = draw(
        hnp.arrays(np.uint8, (rows, columns), elements=st.sampled_from([0, BOLD, UNDERLINE, BOLD | UNDERLINE]))
    )
    return Cells(code, draw(few), draw(few), style)


@given(some_cells())
def test_a_terminal_reads_back_the_cells_that_were_encoded(cells):
    for y, row in enumerate(encode(cells)):
        read = parse(row)
        assert len(read) == cells.columns
        for x, (char, fg, bg, bold, underline) in enumerate(read):
            assert (char, bg) == (cluster_text(cells.code[y, x]), tuple(cells.bg[y, x].tolist()))
            assert (bold, underline) == (bool(cells.style[y, x] & BOLD), bool(cells.style[y, x] & UNDERLINE))
            if char != " " or underline:
                assert fg == tuple(cells.fg[y, x].tolist())


def test_reverse_and_dim_are_carried_out_in_colours():
    cells = Cells.blank(1, 2, fg=(200, 100, 0), bg=(20, 10, 0))
    cells.put(0, 0, "r", (200, 100, 0), style=REVERSE)
    cells.put(0, 1, "d", (200, 100, 0), style=DIM)
    (reverse, dim) = parse(encode(cells)[0])
    assert reverse[1:3] == ((20, 10, 0), (200, 100, 0))
    assert 20 < dim[1][0] < 200


def test_without_colour_only_styles_are_written():
    cells = Cells.blank(1, 3)
    cells.put(0, 1, "x", (1, 2, 3), style=REVERSE | BOLD)
    assert encode(cells, "mono") == [" \x1b[0;1;7mx\x1b[0m \x1b[0m"]


@given(hnp.arrays(np.uint8, (3, 8, 3)), st.integers(0, 40))
def test_merged_colours_stay_within_the_tolerance(colors, tolerance):
    merged = merge_runs(colors, tolerance)
    assert np.abs(merged.astype(int) - colors).max() <= tolerance


def test_merging_makes_a_gradient_shorter():
    raster = np.repeat(np.arange(120, dtype=np.uint8)[None, :, None], 2, 0).repeat(3, 2)
    cells = to_cells(raster, "half")
    assert len(encode(cells, tolerance=8)[0]) < len(encode(cells)[0]) / 3


@given(hnp.arrays(np.uint8, (16, 3)))
def test_256_colours_are_the_nearest_there_are(colors):
    levels = [0, 95, 135, 175, 215, 255]
    colours = [(r, g, b) for r in levels for g in levels for b in levels] + [(8 + 10 * i,) * 3 for i in range(24)]
    table = np.array(colours)
    chosen = table[to_256(colors).astype(int) - 16]
    errors = ((table[None] - colors[:, None].astype(int)) ** 2).sum(-1)
    assert (((chosen - colors) ** 2).sum(-1) <= errors.min(1) + 75).all()  # a grey may be one step off


@given(st.text())
def test_text_reaches_the_cells_without_controls_and_in_its_width(text):
    parts = list(clusters(text))
    assert not CONTROL.search("".join(cluster for cluster, _ in parts))
    assert all(cells in (1, 2) for _, cells in parts)
    written = Cells.blank(1, width(text) + 1)
    assert written.put(0, 0, text, BRIGHT) == width(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("e\u0301x", [("e\u0301", 1), ("x", 1)]),
        ("東a", [("東", 2), ("a", 1)]),
        ("🇩🇪!", [("🇩🇪", 2), ("!", 1)]),
        ("1\ufe0f\u20e3", [("1\u20e3", 1)]),
        ("👍\U0001f3fd", [("👍", 2), *((c, 1) for c in "‹1F3FD›")]),
        ("👩\u200d🚀", [("👩", 2), ("🚀", 2)]),
        ("\x1b[31m", [("␛", 1), *((c, 1) for c in "[31m")]),
        ("\u202e", [(c, 1) for c in "‹U+202E›"]),
    ],
)
def test_clusters_take_the_width_that_every_terminal_gives_them(text, parts):
    assert list(clusters(text)) == parts


def test_text_is_cut_at_its_end_and_paths_before_their_name():
    assert fitted("東京タワー", 5) == "東京…"
    assert fitted_end("media/cam1/0007.jpg", 9) == "…0007.jpg"
    assert fitted("short", 9) == fitted_end("short", 9) == "short"


def test_a_wide_cluster_cut_by_an_edge_is_a_space():
    cells = Cells.blank(1, 4)
    cells.put(0, -1, "東a京", BRIGHT)
    assert [cluster_text(c) for c in cells.code[0]] == [" ", "a", "京", ""]
    assert [cluster_text(c) for c in cells.crop(0, 3).code[0]] == [" ", "a", " "]
    assert [cluster_text(c) for c in cells.crop(3, 4).code[0]] == [" "]


# -- the camera ----------------------------------------------------------------------------------------------

cameras = st.builds(Camera, st.floats(-99, 99), st.floats(-99, 99), st.floats(0.05, 20), st.sampled_from([1.0, 2.0]))


@given(cameras, st.floats(-50, 50), st.floats(-50, 50))
def test_cells_and_scene_coordinates_are_inverse(camera, column, row):
    assert np.allclose(camera.to_cells([camera.to_scene(column, row)])[0], (column, row), atol=1e-6)


@given(st.floats(1, 5000), st.floats(1, 5000), st.integers(5, 300), st.integers(5, 90))
def test_fitting_shows_all_of_it(wide, high, columns, rows):
    size = Size(columns, rows)
    seen = Camera.fitting(Rect(3, -4, wide, high), size).region(size)
    assert seen.x <= 3 + 1e-6 and seen.y <= -4 + 1e-6
    assert seen.right >= 3 + wide - 1e-6 and seen.bottom >= -4 + high - 1e-6


@given(cameras, st.floats(0.3, 3), st.floats(0, 80), st.floats(0, 24))
def test_zooming_keeps_the_place_under_the_pointer(camera, factor, column, row):
    before, after = camera.to_scene(column, row), camera.zoomed(factor, column, row, 100).to_scene(column, row)
    assert np.allclose((before.x, before.y), (after.x, after.y), atol=1e-6)


def test_text_scrolls_no_further_than_its_last_row():
    size, extent = Size(10, 5), Rect(0, 0, 10, 12)
    assert Camera(0, 0, 1, 1).scrolled(4, 99, extent, size) == Camera(0, 7, 1, 1)


# -- pictures ------------------------------------------------------------------------------------------------


def picture_scene(pixels, **more):
    rect = Rect(0, 0, pixels.shape[1], pixels.shape[0])
    return Scene(rect, [Picture(pixels, rect)], **more)


@given(hnp.arrays(np.uint8, (8, 6, 3)))
def test_at_one_pixel_a_sub_cell_half_blocks_show_the_very_pixels(pixels):
    cells = Painter().paint(picture_scene(pixels), Camera(0, 0, 1), Size(6, 4))
    assert (cells.fg == pixels[0::2]).all() and (cells.bg == pixels[1::2]).all()


@given(hnp.arrays(np.uint8, (2, 2), elements=st.integers(0, 1)))
def test_quadrants_show_two_colours_exactly(which):
    colors = np.array([[200, 30, 40], [10, 220, 90]], np.uint8)
    cells = to_cells(colors[which], "quad")
    bits = " ▘▝▀▖▌▞▛".index(chr(cells.code[0, 0]))
    shown = [[cells.fg[0, 0] if bits >> (2 * y + x) & 1 else cells.bg[0, 0] for x in range(2)] for y in range(2)]
    assert (np.array(shown) == colors[which]).all()


def test_a_large_picture_is_averaged_not_sampled():
    pixels = np.zeros((1000, 1000, 3), np.uint8)
    pixels[:, ::2] = 200
    cells = Painter().paint(picture_scene(pixels), Camera.fitting(Rect(0, 0, 1000, 1000), Size(20, 10)), Size(20, 10))
    assert np.abs(cells.fg.astype(int) - 100).max() <= 25


def test_what_lies_beside_the_picture_is_background():
    pixels = np.full((10, 10, 3), 255, np.uint8)
    cells = Painter().paint(picture_scene(pixels), Camera(100, 100, 1), Size(4, 4))
    assert (cells.bg == BACKGROUND).all() and (cells.code == ord(" ")).all()


def test_the_ramp_of_characters_follows_the_luminance():
    pixels = np.repeat(np.linspace(0, 255, 30).astype(np.uint8)[None, :, None], 2, 0).repeat(3, 2)
    shown = "".join(map(chr, to_cells(pixels, "ascii").code[0]))
    assert [" .:-=+*#%@".index(c) for c in shown] == sorted(" .:-=+*#%@".index(c) for c in shown)
    assert shown[0] == " " and shown[-1] == "@"


def test_a_one_pixel_tint_is_seen_from_afar():
    pixels, mask = np.zeros((512, 512, 3), np.uint8), np.zeros((512, 512), bool)
    mask[301, 303] = True
    scene = picture_scene(pixels, tints=[Tint(mask, Rect(0, 0, 512, 512), 3)])
    camera, size = Camera.fitting(scene.extent, Size(32, 16)), Size(32, 16)
    assert (Painter().paint(scene, camera, size).changed_rows(Painter().paint(scene, camera, size, False))).size == 1


def test_without_overlays_only_pictures_show():
    scene = picture_scene(np.zeros((8, 8, 3), np.uint8), shapes=[box(1, 1, 6, 6)])
    bare = picture_scene(np.zeros((8, 8, 3), np.uint8))
    hidden, plain = (Painter().paint(s, Camera(0, 0, 1), Size(8, 4), overlays=False) for s in (scene, bare))
    assert not hidden.changed_rows(plain).size


# -- shapes --------------------------------------------------------------------------------------------------


def box(x0, y0, x1, y1, **more):
    return Shape("box", (Point(x0, y0), Point(x1, y1)), **more)


def paint(*shapes, fine=False):
    scene = Scene(Rect(0, 0, 20, 20), shapes=shapes)
    return Painter("half", fine).paint(scene, Camera(0, 0, 1), Size(20, 10))


def test_a_box_is_drawn_on_the_cells_of_its_edges():
    cells = paint(box(2, 4, 10, 12))
    assert {tuple(p) for p in np.argwhere(cells.code != 32).tolist()} == {
        (y, x) for y in range(2, 6) for x in range(2, 10) if y in (2, 5) or x in (2, 9)
    }
    assert (cells.fg[2, 3] == OKABE_ITO[0]).all()


def test_fine_lines_stand_at_an_eighth_of_a_cell():
    cells = paint(box(2.25, 4.5, 10, 12), fine=True)
    assert chr(cells.code[3, 2]) == "\U0001fb71" and chr(cells.code[2, 5]) == "\U0001fb77"


def test_selected_and_weak_shapes_differ_without_colour():
    plain, selected, weak = (paint(box(2, 4, 12, 16, **kind)) for kind in ({}, {"selected": True}, {"weak": True}))
    assert (plain.code != selected.code).any() and (selected.style & BOLD).any()
    assert (weak.code != 32).sum() < (plain.code != 32).sum()


def test_a_label_stands_above_its_shape_and_inside_at_the_top_edge():
    above, inside = paint(box(2, 6, 18, 16, text="2 cup")), paint(box(2, 0, 18, 16, text="2 cup"))
    assert "2 cup" in "".join(map(cluster_text, above.code[2]))
    assert "2 cup" in "".join(map(cluster_text, inside.code[1]))


def test_labels_do_not_cover_each_other_and_the_selected_one_stays():
    cells = paint(*(box(2, 6, 9, 9, text=f"label{i}", selected=i == 1) for i in range(6)))
    text = "\n".join("".join(map(cluster_text, row)) for row in cells.code)
    assert "▶label1" in text and len(re.findall(r"label\d", text)) <= 3


def test_a_polygon_is_closed_and_joins_dots_in_shared_cells():
    triangle = Shape("polygon", (Point(1, 1), Point(15, 1), Point(1, 15)))
    cells = paint(triangle)
    assert (cells.code[1:6, 0] != 32).any() or (cells.code[1:6, 1] != 32).all()
    assert ((cells.code >= 0x2800) | (cells.code == 32)).all()


def dots(cells):
    """The dots of braille on the cells, `(4 rows, 2 columns)` of bool."""
    bits = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
    code = np.where(cells.code >= 0x2800, cells.code - 0x2800, 0)
    return (code[:, None, :, None] & bits[None, :, None, :] != 0).reshape(cells.rows * 4, cells.columns * 2)


def test_every_dot_of_braille_stands_where_its_point_does():
    for row in range(4):
        for column in range(2):
            place = (5 + column / 2 + 0.1, 6 + row / 2 + 0.1)
            (at,) = np.argwhere(dots(paint(Shape("line", np.array([place, place])))))
            assert at.tolist() == [3 * 4 + row, 5 * 2 + column]


def test_a_shape_of_an_array_is_drawn_as_one_of_points():
    places = [(1.0, 1.0), (15.0, 3.0), (4.0, 15.0)]
    cells = [paint(Shape("polygon", points)) for points in (tuple(Point(*p) for p in places), np.array(places))]
    assert (cells[0].code == cells[1].code).all()


def test_the_rings_of_a_polygon_are_closed_each_for_itself():
    outer, inner = [(1, 1), (18, 1), (18, 18), (1, 18)], [(6, 6), (12, 6), (12, 12)]
    together = dots(paint(Shape("polygon", np.array([*outer, *inner], float), parts=(4, 3))))
    apart = [dots(paint(Shape("polygon", np.array(ring, float)))) for ring in (outer, inner)]
    assert (together == apart[0] | apart[1]).all()


def test_the_edges_of_a_skeleton_are_not_joined_to_each_other():
    ends = np.array([(1, 1), (6, 1), (1, 17), (6, 17)], float)
    drawn = dots(paint(Shape("line", ends, parts=(2, 2))))
    assert drawn.any(axis=1).nonzero()[0].tolist() == [2, 34]


def test_points_are_marked_over_the_lines_that_meet_in_them():
    ends, marks = np.array([(0.5, 1), (9.5, 1)]), np.array([(4.5, 1.0), (7.5, 1.0)])
    cells = paint(Shape("line", ends), Shape("points", marks), Shape("points", marks[1:], selected=True))
    assert [chr(c) for c in cells.code[0, [4, 7]]] == ["●", "◆"]


def mask_scene(mask, **more):
    place = Rect(0, 0, mask.shape[1], mask.shape[0])
    return Scene(place, tints=[Tint(mask, place, contour=True, **more)])


def test_the_contour_of_a_mask_is_as_fine_as_dots_and_its_inside_is_free():
    mask = np.zeros((40, 40), bool)
    mask[4:20, 6:30] = True
    cells = Painter().paint(mask_scene(mask, filled=False), Camera(0, 0, 2), Size(20, 10))
    drawn = dots(cells)
    outline = mask.copy()
    outline[5:19, 7:29] = False
    assert (drawn == outline).all()


def test_a_mask_goes_on_past_the_edge_of_the_screen_without_an_outline_there():
    cells = Painter().paint(mask_scene(np.ones((200, 200), bool)), Camera(20, 20, 1), Size(20, 10))
    assert not dots(cells).any()


def test_masks_without_a_tint_leave_the_picture_and_a_candidate_is_dashed():
    mask = np.zeros((40, 40), bool)
    mask[4:20, 6:30] = True
    plain, weak = (
        dots(Painter().paint(mask_scene(mask, weak=w), Camera(0, 0, 2), Size(20, 10))) for w in (False, True)
    )
    assert 0 < weak.sum() < plain.sum()
    bare = Painter().paint(mask_scene(mask, filled=False), Camera(0, 0, 2), Size(20, 10))
    assert (bare.bg[2, 5] == BACKGROUND).all()


def test_the_label_of_a_mask_stands_above_it():
    tint = Tint(np.ones((18, 24), bool), Rect(6, 12, 24, 18), text="1 sea")
    cells = Painter().paint(Scene(Rect(0, 0, 40, 40), tints=[tint]), Camera(0, 0, 2), Size(20, 10))
    assert "1 sea" in "".join(map(cluster_text, cells.code[2]))


def test_shapes_out_of_sight_or_without_finite_places_draw_nothing():
    nowhere = paint(
        box(500, 500, 600, 600, text="far"), box(float("nan"), 0, 1, 1, text="nan"), Shape("points", ()), fine=True
    )
    assert (nowhere.code == 32).all()


def test_tracing_costs_no_more_than_the_screen():
    x, _, _ = trace(np.array([[-1e9, 40.0]]), np.array([[1e9, 42.0]]), 200, 100)
    assert len(x) <= 220


@given(st.lists(st.tuples(st.floats(-20, 60), st.floats(-20, 60)), min_size=2, max_size=6))
@settings(max_examples=60)
def test_a_traced_path_within_sight_has_no_holes(points):
    x, y, number = trace(*segments(np.array(points), [len(points)], [False]), 200, 200)
    inside = [(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True) if a >= 0 and b >= 0]
    assert (np.diff(number) == 1).all()
    if all(px >= 0 and py >= 0 for px, py in points):
        steps = np.abs(np.diff(np.array(inside), axis=0)).max(1)
        assert (steps <= 1).all()


# -- text ----------------------------------------------------------------------------------------------------


def test_rows_of_text_show_from_where_the_camera_stands():
    rows = [[Run(f"row {i} "), Run("東京", color=1, style="reverse")] for i in range(30)]
    cells = Painter().paint(Scene(Rect(0, 0, 40, 30), rows=rows), Camera(2, 10, 1, 1), Size(12, 3))
    assert ["".join(map(cluster_text, row)) for row in cells.code] == [f"w {10 + i} 東京   " for i in range(3)]
    assert cells.style[0, 5] == REVERSE and cells.code[0, 6] == CONTINUED


def test_a_shape_over_half_a_wide_character_leaves_a_space():
    rows = [[Run("東京東京")]]
    scene = Scene(Rect(0, 0, 8, 1), rows=rows, shapes=[Shape("points", (Point(3.5, 0.5),))])
    cells = Painter().paint(scene, Camera(0, 0, 1, 1), Size(8, 1))
    assert [cluster_text(c) for c in cells.code[0]] == ["東", "", " ", "●", "東", "", "京", ""]


def test_a_message_stands_in_the_middle():
    cells = message([("nothing waits", True)], Size(21, 5))
    assert "".join(map(cluster_text, cells.code[2])) == "    nothing waits    "


# -- strips --------------------------------------------------------------------------------------------------


def written():
    cells = Cells.blank(2, 6)
    cells.put(0, 0, "ab東", (1, 2, 3), (9, 9, 9), BOLD)
    return cells


def test_the_installed_textual_has_the_private_parts_that_strips_stand_on():
    assert strip.usable()


def test_a_strip_renders_what_was_encoded_and_makes_segments_when_asked():
    first, second = strip.strips(written(), "24bit")
    assert first.render(Console()) == encode(written())[0]
    assert (first.text, second.text, first.cell_length) == ("ab東  ", " " * 6, 6)
    assert [part.text for part in first.divide([1, 4, 6])] == ["a", "b東", "  "]


@pytest.mark.parametrize("depth", ["24bit", "256", "mono"])
def test_a_strip_cut_to_nothing_renders_nothing(depth):
    (first, _) = strip.strips(written(), depth)
    assert [first.crop(at, at).render(Console()) for at in (0, 3, 6)] == ["", "", ""]


def test_plain_strips_stand_in_where_textual_is_another(monkeypatch):
    monkeypatch.setattr(strip, "usable", lambda: False)
    plain = list(strip.strips(written(), "24bit"))
    assert [type(s) for s in plain] == [strip.Strip] * 2
    assert plain[0].text == "ab東  "
