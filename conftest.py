"""What holds for all tests: no property test is timed, and an empty TRAINSET_REAL_DATA names no folder."""

import os

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

if not os.environ.get("TRAINSET_REAL_DATA"):
    os.environ.pop("TRAINSET_REAL_DATA", None)
