"""The lines of a label file: ids, the chain over them, and what is wrong with bytes that were changed.

A record's id is BLAKE2b-128 over the digest of the file's header line, the record's number and the exact bytes of its
JSON without `id` and `chain`. The chain starts at the header's digest and takes in one id after the other, so a record
that is changed, missing, added or in another place breaks it. `end` fixes the count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from trainset.core.model import End, Header

SCHEMA = 1
_ID = b'{"id":"'
_CHAIN = b',"chain":"'
_HEX = 32
_HEAD = len(_ID) + _HEX + 2
_TAIL = len(_CHAIN) + _HEX + 2

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding bytes that somebody else wrote may raise."""

_header = msgspec.json.Decoder(Header)
_end = msgspec.json.Decoder(End)


def _hash(first: bytes, *more: bytes) -> bytes:
    state = hashlib.blake2b(first, digest_size=16)
    for part in more:
        state.update(part)
    return state.digest()


def header_line(header: Header) -> bytes:
    """The first line of a label file, without its newline."""
    return msgspec.json.encode(header)


@dataclass
class Chain:
    """Where a chain stands: the header's digest, how many records it holds, and its value."""

    header: bytes
    count: int
    value: bytes

    @classmethod
    def start(cls, header: bytes) -> Chain:
        """The chain of a file whose header line is `header`."""
        first = _hash(header)
        return cls(first, 0, first)

    def append(self, body: bytes) -> tuple[bytes, str]:
        """The line for a record whose JSON is `body`, and its id; the chain moves on."""
        (line,), (name,) = self.extend([body])
        return line, name

    def extend(self, bodies: Iterable[bytes]) -> tuple[list[bytes], list[str]]:
        """The lines for records, and their ids; the chain moves on."""
        lines: list[bytes] = []
        names: list[str] = []
        ours = hashlib.blake2b(self.header, digest_size=16)
        for number, body in enumerate(bodies, self.count):
            state = ours.copy()
            state.update(number.to_bytes(8, "little"))
            state.update(body)
            identity = state.digest()
            self.value = _hash(self.value, identity)
            name = identity.hex()
            lines.append(b'{"id":"%b",%b,"chain":"%b"}' % (name.encode(), body[1:-1], self.value.hex().encode()))
            names.append(name)
        self.count += len(names)
        return lines, names

    def end(self, seconds: int | None = None) -> bytes:
        """The line that seals the file."""
        return msgspec.json.encode(End(end=True, records=self.count, chain=self.value.hex(), seconds=seconds))


@dataclass(frozen=True, slots=True)
class Line:
    """A record in a file: the byte range of its line, its id, and its JSON without `id` and `chain`."""

    offset: int
    length: int
    id: str
    body: bytes
    chain: str


def parse(line: bytes) -> tuple[str, bytes, str] | None:
    """The id, body and chain of a record's line; None if it is not one in shape."""
    if len(line) <= _HEAD + _TAIL or not line.startswith(_ID) or line[-_TAIL : -_TAIL + len(_CHAIN)] != _CHAIN:
        return None
    if line[_HEAD - 2 : _HEAD] != b'",' or line[-2:] != b'"}':
        return None
    identity, chain = line[len(_ID) : _HEAD - 2], line[-_HEX - 2 : -2]
    if not (_is_hex(identity) and _is_hex(chain)):
        return None
    return identity.decode(), b"{%b}" % line[_HEAD:-_TAIL], chain.decode()


_FORGOTTEN = b'{"forgotten":"'


def tombstone(identity: str, mark: str, chain: str) -> bytes:
    """What takes the place of the line of a record on a forgotten item, which is known by `mark`: id and chain stay."""
    return b'{"id":"%b",%b%b","chain":"%b"}' % (identity.encode(), _FORGOTTEN[1:], mark.encode(), chain.encode())


def buried(body: bytes) -> str | None:
    """What the item of a tombstone's body is known by; None where the body is a record's."""
    mark = body[len(_FORGOTTEN) : -2]
    found = body.startswith(_FORGOTTEN) and body.endswith(b'"}') and len(mark) == _HEX and _is_hex(mark)
    return mark.decode() if found else None


def _is_hex(text: bytes) -> bool:
    return not text.translate(None, b"0123456789abcdef")


def read_header(line: bytes) -> Header | None:
    """The header that a line holds, None if it is none."""
    try:
        return _header.decode(line)
    except UNREADABLE:
        return None


def read_end(line: bytes) -> End | None:
    """The end that a line holds, None if it is none."""
    if not line.startswith(b'{"end":true'):
        return None
    try:
        return _end.decode(line)
    except UNREADABLE:
        return None


def lines(data: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """(offset, line without newline) of every complete line from `start` on; a torn tail is not a line."""
    position = start
    while (stop := data.find(b"\n", position)) >= 0:
        yield position, data[position:stop]
        position = stop + 1


@dataclass(frozen=True)
class Fault:
    """Something wrong in a label file. `line` counts from 1; `note` marks what takes nothing away (a torn tail)."""

    line: int
    message: str
    note: bool = False


_SEARCHES, _AROUND = 100, 1000
"""For how many records of a file another place is looked for, and how many records away."""


def check(data: bytes) -> tuple[Header | None, Chain | None, bool, list[Fault]]:
    """Prove a whole label file: its header, the chain as far as it holds, whether it is sealed, and all faults."""
    rows = list(lines(data))
    if not rows:
        return None, None, False, [Fault(1, "no complete header line: nothing of it was acknowledged", note=True)]
    header = read_header(rows[0][1])
    if header is None:
        return None, None, False, [Fault(1, "the first line is not a header")]
    proof, end, end_line = _Proof(rows[0][1]), None, 0
    faults: list[Fault] = []
    strange: list[int] = []
    for number, (_, line) in enumerate(rows[1:], start=2):
        record = parse(line)
        if end is not None:
            faults.append(Fault(number, "a line after the end of a sealed file: it was added"))
        elif record is not None:
            wrong = proof.take(*record)
            faults += [Fault(number, wrong)] if wrong else ()
        elif (end := read_end(line)) is not None:
            end_line = number
        else:
            strange.append(number)
    chain = proof.chain
    if not proof.fits:
        faults = [
            Fault(1, "no record fits this header: it was changed, or the records are another file's"),
            *faults[:1],
        ]
    if end is not None and (end.records != chain.count or end.chain != chain.value.hex()):
        text = f"the end counts {end.records} records, the file proves {chain.count}: cut or changed"
        faults.append(Fault(end_line, text))
    for number in strange:
        torn = end is not None and number == end_line - 1 and not faults
        text = "a torn line: it was never acknowledged" if torn else "not a record: changed or torn"
        faults.append(Fault(number, text, note=torn))
    tail = data[rows[-1][0] + len(rows[-1][1]) + 1 :]
    if tail and end is not None:
        faults.append(Fault(len(rows) + 1, "bytes after the end of a sealed file: they were added"))
    elif tail.startswith(b'{"end":') and not (chain.end().startswith(tail) or tail.startswith(chain.end()[:-1] + b",")):
        faults.append(Fault(len(rows) + 1, "the end of a sealed file was changed"))
    elif tail:
        faults.append(Fault(len(rows) + 1, "a torn line at the end: it was never acknowledged", note=True))
    return header, chain, end is not None, faults


class _Proof:
    """A chain followed along the records of a file that may have been tampered with. `fits` says whether anything shows
    that the records belong under the header."""

    def __init__(self, header: bytes) -> None:
        self.chain = Chain.start(header)
        self.fits = True
        self._proved = False
        self._searches = _SEARCHES

    def take(self, identity: str, body: bytes, stated: str) -> str | None:
        """What is wrong with the next record, if anything; the chain goes on from what the record states. Of a tombstone
        the chain alone tells that the id is that of the record which stood there."""
        name, expected = bytes.fromhex(identity), self.chain.count
        follows = _hash(self.chain.value, name).hex() == stated
        number = expected if follows and buried(body) else self._number(name, body)
        first = expected == 0 and stated in (_hash(self.chain.value, x).hex() for x in (name, self._id(0, body)))
        self._proved = self._proved or number is not None or first
        self.fits = self._proved
        self.chain.value = bytes.fromhex(stated)
        self.chain.count = expected + 1 if number is None else max(expected, number + 1)
        if number is None:
            return "the record was changed: its id does not match its bytes"
        if number > expected:
            return f"{number - expected} record(s) before this line are missing"
        if number < expected:
            return "a record in the wrong place: it was copied or moved"
        return None if follows else "the chain breaks here: this record's, or a record before it was changed or moved"

    def _number(self, name: bytes, body: bytes) -> int | None:
        """The number under which a body has this id: the one whose turn it is, or the nearest around it."""
        turn = self.chain.count
        numbers = [turn]
        if self._id(turn, body) != name and self._searches:
            self._searches -= 1
            numbers = [n for step in range(1, _AROUND) for n in (turn + step, turn - step) if n >= 0]
        return next((n for n in numbers if self._id(n, body) == name), None)

    def _id(self, number: int, body: bytes) -> bytes:
        return _hash(self.chain.header, number.to_bytes(8, "little"), body)
