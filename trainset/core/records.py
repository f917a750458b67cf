"""The lines of a label file: ids, the chain over them, and what is wrong with bytes that were changed.

A record's id is BLAKE2b-128 over the digest of the file's header line, the record's number and the exact bytes of its
JSON without `id` and `chain`. The chain starts at the header's digest and takes in one id after the other, so a record
that is changed, missing, added or in another place breaks it. `end` fixes the count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from trainset.core.model import End, Header

SCHEMA = 1
_ID = b'{"id":"'
_CHAIN = b',"chain":"'
_HEX = 32
_HEAD = len(_ID) + _HEX + 2
_TAIL = len(_CHAIN) + _HEX + 2

_header = msgspec.json.Decoder(Header)
_end = msgspec.json.Decoder(End)


def _hash(*parts: bytes) -> bytes:
    return hashlib.blake2b(b"".join(parts), digest_size=16).digest()


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
        identity = _hash(self.header, self.count.to_bytes(8, "little"), body)
        self.count += 1
        self.value = _hash(self.value, identity)
        name = identity.hex()
        return (
            b'{"id":"%b",%b,"chain":"%b"}' % (name.encode(), body[1:-1], self.value.hex().encode()),
            name,
        )

    def end(self) -> bytes:
        """The line that seals the file."""
        return msgspec.json.encode(End(end=True, records=self.count, chain=self.value.hex()))


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


def _is_hex(text: bytes) -> bool:
    return not text.translate(None, b"0123456789abcdef")


def read_header(line: bytes) -> Header | None:
    """The header that a line holds, None if it is none."""
    try:
        return _header.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def read_end(line: bytes) -> End | None:
    """The end that a line holds, None if it is none."""
    if not line.startswith(b'{"end":true'):
        return None
    try:
        return _end.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
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


def check(data: bytes) -> tuple[Header | None, Chain | None, bool, list[Fault]]:
    """Prove a whole label file: its header, the chain as far as it holds, whether it is sealed, and all faults."""
    faults: list[Fault] = []
    rows = list(lines(data))
    tail = data[rows[-1][0] + len(rows[-1][1]) + 1 :] if rows else data
    if not rows:
        return None, None, False, [Fault(1, "no complete header line: it was never acknowledged", note=True)]
    header = read_header(rows[0][1])
    if header is None:
        return None, None, False, [Fault(1, "the first line is not a header")]
    chain, end, end_line = Chain.start(rows[0][1]), None, 0
    strange: list[int] = []
    for number, (_, line) in enumerate(rows[1:], start=2):
        if end is not None:
            faults.append(Fault(number, "a line after the end of a sealed file: it was added"))
            continue
        end = read_end(line)
        if end is not None:
            end_line = number
            continue
        record = parse(line)
        if record is None:
            strange.append(number)
            continue
        faults.extend(_advance(chain, number, *record))
    if end is not None:
        if end.records != chain.count or end.chain != chain.value.hex():
            faults.append(
                Fault(end_line, f"the end counts {end.records} records, the file proves {chain.count}: cut or changed")
            )
        if tail:
            faults.append(Fault(len(rows) + 1, "bytes after the end of a sealed file: they were added"))
    elif tail:
        faults.append(Fault(len(rows) + 1, "a torn line at the end: it was never acknowledged", note=True))
    for number in strange:
        torn = end is not None and number == end_line - 1 and not faults
        text = "a torn line: it was never acknowledged" if torn else "not a record: changed or torn"
        faults.append(Fault(number, text, note=torn))
    return header, chain, end is not None, faults


def _advance(chain: Chain, number: int, identity: str, body: bytes, stated: str) -> Iterator[Fault]:
    """Take one record into the chain; where it does not fit, find out why and go on from what the line states."""
    before = chain.value
    _, expected = chain.append(body)
    if expected == identity and chain.value.hex() == stated:
        return
    count = chain.count - 1
    gap = next(
        (k for k in range(1, 1000) if _hash(chain.header, (count + k).to_bytes(8, "little"), body).hex() == identity), 0
    )
    if gap:
        yield Fault(number, f"{gap} record(s) before this line are missing")
        chain.count = count + gap + 1
    elif expected != identity:
        moved = any(_hash(chain.header, k.to_bytes(8, "little"), body).hex() == identity for k in range(count))
        yield Fault(
            number,
            "a record in the wrong place" if moved else "the record was changed: its id does not match its bytes",
        )
    elif _hash(before, bytes.fromhex(identity)).hex() != stated:
        yield Fault(number, "the chain breaks here: a record before this one was changed, added or moved")
    chain.value = bytes.fromhex(stated)
