"""Masks under the brush: bits in tiles, and what is done to regions as a whole."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from trainset_vision.annotations import Rle, rle
from trainset_vision.conversions import polygon_area, polygon_to_mask
from trainset_vision.editing.bitmap import TILE, Bitmap
from trainset_vision.editing.brush import drawn
from trainset_vision.editing.regions import TOLERANCE, filled, grown, outlined, parts, polygon_parts, without_holes

from trainset.plugins import Point

small = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40))
large = st.tuples(
    st.integers(1, 600), st.integers(1, 600), st.integers(0, 99), st.sampled_from([0, 0.001, 0.5, 1])
).map(lambda drawn: np.random.default_rng(drawn[2]).random(drawn[:2]) < drawn[3])
masks = small | large


def of(pixels: np.ndarray) -> Bitmap:
    return Bitmap.of(Rle(pixels.shape, rle.encode(pixels)))


def whole(bits: Bitmap) -> np.ndarray:
    return bits.window((0, 0, bits.width, bits.height))


def pixels_of(text: str) -> np.ndarray:
    """A mask drawn with # and . in lines."""
    return np.array([[char == "#" for char in line] for line in text.split()])


# -- tiles -------------------------------------------------------------------------------------------------------


@given(masks)
def test_a_bitmap_is_the_mask_and_gives_back_its_runs(pixels):
    bits = of(pixels)
    assert (whole(bits) == pixels).all() and bits.area == pixels.sum()
    assert bits.rle == Rle(pixels.shape, rle.encode(pixels))


@given(masks)
def test_its_extent_is_that_of_the_runs(pixels):
    bits, place = of(pixels), rle.extent(rle.runs(rle.encode(pixels), pixels.shape), pixels.shape)
    assert bits.extent == (None if place is None else (place.x, place.y, place.width, place.height))


@given(masks, st.integers(-30, 600), st.integers(-30, 600), small)
def test_a_window_is_replaced_and_nothing_else(pixels, left, top, part):
    bits = of(pixels)
    changed = bits.replaced(left, top, part)
    expected = np.pad(pixels, 700)
    expected[700 + top : 700 + top + part.shape[0], 700 + left : 700 + left + part.shape[1]] = part
    assert (whole(changed) == expected[700 : 700 + pixels.shape[0], 700 : 700 + pixels.shape[1]]).all()
    assert (whole(bits) == pixels).all()


def test_an_edit_shares_every_tile_that_it_does_not_change():
    bits = of(np.random.default_rng(0).random((3 * TILE, 3 * TILE)) < 0.5)
    changed = drawn(bits, Point(10, 10), Point(30, 10), 9, True)
    assert [place for place in bits.tiles if bits.tiles[place] is not changed.tiles[place]] == [(0, 0)]


def test_an_edit_that_changes_nothing_gives_the_same_bitmap():
    bits = of(np.ones((50, 50), bool))
    assert drawn(bits, Point(10, 10), Point(30, 10), 9, True) is bits


@given(
    masks,
    st.sampled_from([1, 2, 8, 64]),
    st.tuples(*[st.integers(-50, 400)] * 2),
    st.tuples(*[st.integers(1, 400)] * 2),
)
def test_from_afar_a_bit_is_seen_where_any_pixel_is_set(pixels, factor, corner, size):
    region = (*corner, *size)
    seen = of(pixels).seen(region, factor)
    y, x = np.nonzero(pixels)
    near = (x >= corner[0]) & (x < corner[0] + size[0]) & (y >= corner[1]) & (y < corner[1] + size[1])
    shown = set()
    if seen is not None:
        bits, (left, top, width, height) = seen
        assert bits.shape == (height // factor, width // factor)
        shown = {(c + left // factor, r + top // factor) for r, c in np.argwhere(bits).tolist()}
    every = set(zip((x // factor).tolist(), (y // factor).tolist(), strict=True))
    assert set(zip((x[near] // factor).tolist(), (y[near] // factor).tolist(), strict=True)) <= shown <= every


# -- strokes -------------------------------------------------------------------------------------------------------

places = st.builds(Point, st.floats(0, 60), st.floats(0, 40))


@given(places, places, st.sampled_from([1, 3, 9, 25]))
def test_a_stroke_sets_the_pixels_near_its_line(start, end, size):
    bits = drawn(Bitmap(40, 60, {}), start, end, size, True)
    y, x = np.mgrid[:40, :60] + 0.5
    steps = np.linspace(0, 1, 400)
    away = np.min(
        [np.hypot(x - start.x - t * (end.x - start.x), y - start.y - t * (end.y - start.y)) for t in steps], axis=0
    )
    assert whole(bits)[away <= size / 2 - 0.1].all()
    set_pixels = whole(bits) & (away > size / 2 + 0.1)
    assert set_pixels.sum() <= 1  # the pixel that the stroke ends in is always set
    assert not whole(drawn(bits, start, end, size, False))[away <= size / 2 - 0.1].any()


def test_the_finest_brush_sets_one_pixel():
    assert drawn(Bitmap(9, 9, {}), Point(4.9, 3.1), Point(4.9, 3.1), 1, True).extent == (4, 3, 1, 1)


# -- regions as a whole ------------------------------------------------------------------------------------------------


@given(small)
def test_growing_takes_in_the_eight_neighbours_and_shrinking_gives_up_the_outermost(pixels):
    around = np.pad(pixels, 1)
    near = [np.roll(around, (dy, dx), (0, 1))[1:-1, 1:-1] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    assert (whole(grown(of(pixels), 1)) == np.any(near, axis=0)).all()
    around = np.pad(pixels, 1, mode="edge")
    near = [np.roll(around, (dy, dx), (0, 1))[1:-1, 1:-1] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    assert (whole(grown(of(pixels), -1)) == np.all(near, axis=0)).all()


HOLED = pixels_of("""
#########....
#...#...#....
#...#...#..##
#########..##
""")


def test_holes_are_filled_all_or_the_one_at_a_place():
    assert whole(filled(of(HOLED))).sum() == 36 + 4
    one = filled(of(HOLED), Point(2.5, 1.5))
    assert whole(one)[1:3, 1:4].all() and not whole(one)[1:3, 5:8].any()


@given(small)
def test_filling_leaves_no_hole_and_takes_nothing_away(pixels):
    bits = filled(of(pixels))
    assert (whole(bits) >= pixels).all() and filled(bits) is bits


@given(small)
def test_parts_are_disjoint_together_the_mask_and_the_largest_comes_first(pixels):
    found = parts(of(pixels))
    assert (sum((whole(part) for part in found), np.zeros(pixels.shape, int)) == pixels).all()
    assert [part.area for part in found] == sorted((part.area for part in found), reverse=True)


def test_the_parts_of_a_polygon_keep_their_holes():
    outer, hole, other = (0.0, 0, 10, 0, 10, 10, 0, 10), (2.0, 2, 4, 2, 4, 4, 2, 4), (20.0, 0, 25, 0, 25, 5, 20, 5)
    assert [polygon_area(part) for part in polygon_parts((other, outer, hole))] == [96, 25]
    assert without_holes((outer, hole, other)) == (outer, other)
    assert without_holes((outer, hole, other), Point(9, 9)) == (outer, hole, other)


def test_an_outline_made_of_a_mask_says_how_far_it_may_lie_off_and_what_differs():
    y, x = np.mgrid[:80, :80]
    bits = of((x - 40) ** 2 + (y - 40) ** 2 <= 900)
    rings, said = outlined(bits)
    assert f"{TOLERANCE:g} px" in said and "px² differ" in said
    assert sum(map(len, rings)) < 120
    back = Bitmap.of(polygon_to_mask(rings, (80, 80)))
    assert (whole(back) ^ whole(bits)).sum() < 0.1 * bits.area
