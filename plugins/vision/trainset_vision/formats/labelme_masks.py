"""Masks as pictures in text: PNG in base64, as LabelMe and Label Studio keep them."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset_vision.formats.fitting import Size
from trainset_vision.formats.reading import Left


def pixels_of(text: Any, size: Size) -> NDArray[np.bool_]:
    """`(height, width)`: where a picture is neither black nor transparent. Left for what is no picture, or is larger than
    its image."""
    from PIL import Image

    if not isinstance(text, str):
        raise Left("masks have no picture")
    try:
        data = base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text)
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            if picture.height > size[0] or picture.width > size[1]:
                raise Left("the picture of a mask is larger than its image", many=False)
            array = np.asarray(picture.convert("RGBA" if "A" in picture.mode else "L"))
    except (OSError, ValueError, SyntaxError, binascii.Error, Image.DecompressionBombError) as error:
        raise Left(f"the picture of a mask cannot be read: {error}", many=False) from error
    return array > 0 if array.ndim == 2 else (array[..., :3].any(axis=2) & (array[..., 3] > 0))


def picture_of(pixels: NDArray[np.bool_]) -> str:
    """A mask as a PNG in base64."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8) * 255).convert("1").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode("ascii")
