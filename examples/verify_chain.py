"""Verify label files with the standard library alone: python verify_chain.py labels/decisions/parts/ana/2026-11/*.jsonl"""

import json
import re
import sys
from hashlib import blake2b
from pathlib import Path

RECORD = re.compile(rb'\{"id":"([0-9a-f]{32})",(.*),"chain":"([0-9a-f]{32})"\}')


def verify(data: bytes) -> str:
    """What is wrong with a label file's bytes; empty where nothing is."""
    header, *lines = data.split(b"\n")[:-1]  # what comes behind the last newline was never acknowledged
    first = chain = blake2b(header, digest_size=16).digest()
    for number, line in enumerate(lines):
        if line.startswith(b'{"end":'):
            end = {"end": True, "records": number, "chain": chain.hex()}
            return "" if json.loads(line) == end and line == lines[-1] else "cut, or changed after it was sealed"
        record = RECORD.fullmatch(line)
        if record is None:
            return f"line {number + 2} is not a record"
        body = first + number.to_bytes(8, "little") + b"{" + record[2] + b"}"
        forgotten = re.fullmatch(rb'"forgotten":"[0-9a-f]{32}"', record[2])  # the record is gone, its id stays
        identity = bytes.fromhex(record[1].decode()) if forgotten else blake2b(body, digest_size=16).digest()
        chain = blake2b(chain + identity, digest_size=16).digest()
        if (identity.hex(), chain.hex()) != (record[1].decode(), record[3].decode()):
            return f"line {number + 2} was changed, moved or put in"
    return ""


if __name__ == "__main__":
    found = {name: verify(Path(name).read_bytes()) for name in sys.argv[1:]}
    print(*(f"{name}: {wrong or 'sound'}" for name, wrong in found.items()), sep="\n")
    sys.exit(any(found.values()))
