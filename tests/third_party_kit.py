"""Distributions on a path of their own, as `pip install` would leave them, and a command line that finds them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

AUDIO = Path(__file__).parent / "third_party" / "audio"


def distribution(site, name, version, plugin, module):
    """What the installation of a distribution leaves behind: its metadata, with one entry point."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[trainset]\n{plugin} = {module}\n")


def audio_site(site):
    """A folder with trainset-audio installed in it."""
    distribution(site, "trainset-audio", "0.1", "audio", "trainset_audio.plugin")
    shutil.copytree(AUDIO / "trainset_audio", site / "trainset_audio", ignore=shutil.ignore_patterns("__pycache__"))
    return site


class CommandLine:
    """`trainset` in a process of its own, with the distributions in `site`; the working folder is `cwd`."""

    def __init__(self, cwd, site=None, **environment):
        self.cwd = cwd
        path = os.pathsep.join(str(p) for p in (site, os.environ.get("PYTHONPATH")) if p)
        git = {
            f"GIT_{who}_{what}": x
            for who in ("AUTHOR", "COMMITTER")
            for what, x in (("NAME", "Ana"), ("EMAIL", "a@b.c"))
        }
        outer = {k: v for k, v in os.environ.items() if not k.startswith("TRAINSET_")}
        self.environment = {
            **outer,
            **git,
            "HOME": str(cwd),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONPATH": path,
            **environment,
        }

    def __call__(self, *words, code=0, stdin=None):
        """What it prints on stdout, and on stderr too where it is meant to fail."""
        done = self.both(*words, code=code, stdin=stdin)
        return done.stdout + (done.stderr if code else "")

    def both(self, *words, code=0, stdin=None):
        """The finished process."""
        done = subprocess.run([sys.executable, "-m", "trainset", *map(str, words)], cwd=self.cwd, env=self.environment,
                              input=stdin, capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == code, f"exit {done.returncode}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def python(self, program):
        """A finished process of Python with the same distributions."""
        return subprocess.run([sys.executable, "-c", program], cwd=self.cwd, env=self.environment,
                              capture_output=True, text=True, check=False)  # fmt: skip
