"""What the distribution registers: everything loads, and listing it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

from trainset_vision import plugin

from trainset.plugins.registry import load

SPECS = [spec for name in dir(plugin) if name.startswith("trainset_") for spec in getattr(plugin, name)()]


def test_every_import_string_names_something():
    assert len(SPECS) > 10
    for spec in SPECS:
        for field in fields(spec):
            value = getattr(spec, field.name)
            if isinstance(value, str) and value.startswith("trainset_vision."):
                assert load(value) is not None


def test_listing_the_plugin_imports_no_heavy_library():
    script = (
        "import sys, trainset_vision.plugin as p\n"
        "[list(getattr(p, n)()) for n in dir(p) if n.startswith('trainset_')]\n"
        "print(*{'numpy', 'PIL', 'cv2', 'onnxruntime', 'textual'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
