"""An empty TRAINSET_REAL_DATA names no folder: tests that need real data are skipped then."""

import os

if not os.environ.get("TRAINSET_REAL_DATA"):
    os.environ.pop("TRAINSET_REAL_DATA", None)
