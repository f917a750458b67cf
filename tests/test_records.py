"""The lines of a label file: what of a file that was tampered with is found, and where."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainset.core.records import check, parse

from .kit import label_file


def bodies(count, salt=""):
    return [b'{"item":"n/%d%s","verdict":"accepted"}' % (n, salt.encode()) for n in range(count)]


def problems(data):
    return [f for f in check(data)[3] if not f.note]


def lines_of(data):
    return {f.line for f in problems(data)}


def rows(data):
    return data.splitlines(keepends=True)


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_a_file_as_written_is_sound(count):
    header, chain, sealed, faults = check(label_file(bodies(count)))
    assert header.reviewer == "ana"
    assert chain.count == count
    assert sealed
    assert not faults


def test_an_unsealed_file_is_sound():
    _, chain, sealed, faults = check(label_file(bodies(3), end=False))
    assert (chain.count, sealed, faults) == (3, False, [])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_changed_byte_of_a_sealed_file_is_found_with_its_line(count):
    data = label_file(bodies(count))
    for place, was in enumerate(data):
        for now in {was ^ 1, was ^ 32, ord("\n"), ord("}"), ord("0"), ord("a")} - {was}:
            found = lines_of(data[:place] + bytes([now]) + data[place + 1 :])
            assert data.count(b"\n", 0, place) + 1 in found, (place, was, now)


@given(st.data())
def test_any_changed_byte_of_a_longer_file_is_found_with_its_line(data):
    file = label_file(bodies(120))
    place = data.draw(st.integers(0, len(file) - 1))
    now = data.draw(st.integers(0, 255).filter(lambda b: b != file[place]))
    assert file.count(b"\n", 0, place) + 1 in lines_of(file[:place] + bytes([now]) + file[place + 1 :])


@pytest.mark.parametrize("line", [2, 3, 5, 6])
def test_a_removed_record_is_found(line):
    all_rows = rows(label_file(bodies(5)))
    found = problems(b"".join(all_rows[: line - 1] + all_rows[line:]))
    assert found[0].line == line  # where the next one stands now
    assert "missing" in found[0].message or "cut" in found[0].message


def test_all_the_records_being_removed_is_found():
    all_rows = rows(label_file(bodies(5)))
    assert lines_of(all_rows[0] + all_rows[-1]) == {2}


@pytest.mark.parametrize("line", [2, 4, 6])
def test_a_duplicated_record_is_found(line):
    all_rows = rows(label_file(bodies(5)))
    assert problems(b"".join([*all_rows[:line], *all_rows[line - 1 :]]))[0].line == line + 1


@given(st.permutations(range(6)).filter(lambda p: list(p) != sorted(p)))
def test_records_in_another_order_are_found(order):
    first, *records, end = rows(label_file(bodies(6)))
    assert problems(b"".join([first, *(records[n] for n in order), end]))


def test_swapped_records_do_not_make_the_rest_of_the_file_suspect():
    all_rows = rows(label_file(bodies(50)))
    all_rows[10], all_rows[11] = all_rows[11], all_rows[10]
    assert lines_of(b"".join(all_rows)) == {11, 12, 13}


@pytest.mark.parametrize("line", [2, 4, 7])
def test_a_record_of_another_file_is_found(line):
    all_rows = rows(label_file(bodies(5)))
    foreign = rows(label_file(bodies(5, "x"), reviewer="ben"))[3]
    assert line in lines_of(b"".join([*all_rows[: line - 1], foreign, *all_rows[line - 1 :]]))


def test_records_under_another_files_header_are_found():
    mine, other = rows(label_file(bodies(5))), rows(label_file(bodies(5), reviewer="ben"))
    assert lines_of(b"".join([mine[0], *other[1:]])) >= {1}


def test_a_line_after_the_end_is_found():
    data = label_file(bodies(3))
    assert lines_of(data + rows(data)[1]) == {6}
    assert lines_of(data + b"more") == {6}


@given(st.integers(1, 10_000))
def test_a_cut_sealed_file_is_never_taken_for_a_sealed_one(cut):
    data = label_file(bodies(5))
    _, _, sealed, _ = check(data[: -min(cut, len(data))])
    assert not sealed


@given(st.integers(1, 200))
def test_a_torn_tail_is_a_note(torn):
    data = label_file(bodies(3), end=False)
    more = rows(label_file(bodies(4), end=False))[4][:-1]
    _, chain, _, faults = check(data + more[:torn])
    assert chain.count == 3
    assert [f.note for f in faults] == [True]
    assert faults[0].line == 5


def test_a_torn_line_before_the_end_is_a_note():
    data = label_file(bodies(3))
    *before, end = rows(data)
    _, chain, sealed, faults = check(b"".join([*before, b'{"id":"torn\n', end]))
    assert (chain.count, sealed) == (3, True)
    assert [(f.line, f.note) for f in faults] == [(5, True)]


def test_a_torn_line_among_the_records_is_a_problem():
    first, *records = rows(label_file(bodies(3)))
    assert lines_of(b"".join([first, b'{"id":"torn\n', *records])) == {2}


@pytest.mark.parametrize("data", [b"", b'{"trainset":1,"kind":"dec'])
def test_a_file_without_a_whole_header_holds_nothing_and_is_a_note(data):
    header, chain, sealed, faults = check(data)
    assert (header, chain, sealed) == (None, None, False)
    assert [f.note for f in faults] == [True]


@pytest.mark.parametrize("first", [b"\n", b"[]\n", b"{}\n", b"\xff\xfe\n", b'{"trainset":1}\n'])
def test_a_first_line_that_is_no_header_is_a_problem(first):
    assert lines_of(first + rows(label_file(bodies(1)))[1]) == {1}


@given(st.binary(max_size=300))
def test_no_bytes_break_the_check(data):
    check(data)
    check(label_file(bodies(2)) + data)
    for line in data.split(b"\n"):
        parse(line)


def test_a_big_file_with_every_record_out_of_place_is_checked_in_time_that_grows_with_its_size():
    first, *records, end = rows(label_file(bodies(3000)))
    random.Random(0).shuffle(records)
    assert problems(b"".join([first, *records, end]))
