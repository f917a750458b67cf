"""Running the command line inside the test's process: what it printed, and how it ended; and pictures to run it on."""

import contextlib
import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from trainset import cli


@dataclass
class Ran:
    out: str
    err: str
    code: int

    def json(self):
        return json.loads(self.out)

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


def trainset(*args, cwd, code=0, stdin=""):
    """Run `trainset` with these arguments in a folder; fails the test where it ends with another code."""
    out, err = io.StringIO(), io.StringIO()
    before = Path.cwd(), sys.argv, sys.stdin
    sys.argv, sys.stdin = ["trainset", *map(str, args)], io.StringIO(stdin)
    os.chdir(cwd)
    ended = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as end:
        ended = end.code or 0
    finally:
        os.chdir(before[0])
        sys.argv, sys.stdin = before[1:]
    ran = Ran(out.getvalue(), err.getvalue(), ended)
    assert ended == code, f"trainset {' '.join(map(str, args))} ended with {ended}\n{ran.out}\n{ran.err}"
    return ran


def correct(data, item, *annotations):
    """Decide that an item holds just these."""
    trainset("decide", item, "--verdict", "corrected", "--annotations", json.dumps(annotations), cwd=data)


def states(root, *args):
    """Where every item stands, by key."""
    return {r["key"]: r["state"] for r in trainset("items", "--json", *args, cwd=root).lines()}


def picture(path, *squares, size=(64, 48)):
    """Draw a grey picture with bright squares (x, y, width, height)."""
    pixels = np.full((size[1], size[0], 3), 90, np.uint8)
    for x, y, w, h in squares:
        pixels[y : y + h, x : x + w] = (240, 220, 60)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
