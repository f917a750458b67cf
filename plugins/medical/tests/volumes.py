"""Small volumes to test with."""

import nibabel as nib
import numpy as np

from trainset.core.model import Item, Label, Task

OBLIQUE = np.array([[0, 0, 1.5, -30.0], [-1.0, 0.05, 0, 20.0], [0, 2.0, 0, -10.0], [0, 0, 0, 1]])
"""Stored axes to the back, to the top and to the right (PSR), voxels of 1 × 2 × 1.5 mm."""

TASK = Task(
    name="organs", type="volume-mask", labels=(Label(id="cord", index=0, name="Cord"), Label(id="lesion", index=1))
)


def ball(shape, centre, radius):
    """Voxels within `radius` of `centre`."""
    grid = np.meshgrid(*(np.arange(n) - c for n, c in zip(shape, centre, strict=True)), indexing="ij")
    return sum(g**2 for g in grid) <= radius**2


def save(path, data, affine=OBLIQUE, qform=1, sform=2, kind=nib.Nifti1Image):
    image = kind(data, affine)
    image.set_qform(affine, qform)
    image.set_sform(affine, sform)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path


def bright(shape=(12, 10, 8), centre=(6, 5, 4), radius=3, seed=0):
    """A bright ball in noise, int16."""
    noise = np.random.default_rng(seed).normal(100, 5, shape)
    return (noise + 400 * ball(shape, centre, radius)).astype(np.int16)


def item(shape=(12, 10, 8), affine=OBLIQUE, name="a.nii.gz"):
    codes = "".join(nib.aff2axcodes(affine))
    return Item(key=f"media/{name}", meta={"shape": list(shape), "affine": affine.tolist(), "orientation": codes})
