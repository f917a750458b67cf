"""Editing what lies on an image: a module for each type, and what they share."""

from __future__ import annotations

from trainset_vision.editing.editor import ShapeEditor
from trainset_vision.editing.keys import KEYS

__all__ = ["KEYS", "ShapeEditor"]
