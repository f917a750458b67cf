"""Distributions on a path of their own, as `pip install` would leave them."""

import shutil
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
