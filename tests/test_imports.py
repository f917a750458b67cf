"""What is imported when: help and version need nothing heavy, listing plugins runs no plugin's library."""

import subprocess
import sys

import pytest

HEAVY = (
    "numpy",
    "git",
    "textual",
    "onnxruntime",
    "PIL",
    "scipy",
    "cv2",
    "msgspec",
    "pluggy",
    "tomlkit",
    "trainset.core",
    "trainset.commands",
)


def loaded_after(code):
    """The names of the modules that a fresh interpreter has loaded after running `code`."""
    probe = f"{code}\nimport sys; print('\\n'.join(sys.modules), file=sys.stderr)"
    return set(subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stderr.split())


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(option):
    run = f"import sys\nfrom trainset.cli import main\nsys.argv = ['trainset', '{option}']\ntry:\n    main()\nexcept SystemExit:\n    pass"
    loaded = loaded_after(run)
    assert {name for name in HEAVY if name in loaded} == set()


def test_importing_trainset_imports_nothing_else():
    loaded = loaded_after("import trainset")
    assert {name for name in (*HEAVY, "click") if name in loaded} == set()


def test_listing_plugins_imports_no_library_of_theirs():
    loaded = loaded_after("from trainset.workspace import Workspace\nWorkspace().registry.every()")
    assert {name for name in ("PIL", "onnxruntime", "textual", "cv2", "nibabel") if name in loaded} == set()
