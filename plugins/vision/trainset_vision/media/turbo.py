"""JPEGs decoded straight into an array by libjpeg-turbo; what is unusual or damaged is left to who asks."""

from __future__ import annotations

import numpy as np
import simplejpeg
from numpy.typing import NDArray

_COLOURS = ("YCbCr", "Gray", "RGB")
"""What becomes RGB exactly as Pillow makes it; four inks do not."""


def decoded(data: bytes, factor: int, out: NDArray[np.uint8]) -> bool:
    """Fill `out`, `(ceil(h/f), ceil(w/f), 3)`, with the JPEG `data` as RGB, one pixel in `factor` (1, 2, 4 or 8).

    False where the file is not plainly sound, of another size than `out` asks for, or of other colours than grey and three
    components: `out` then holds nothing of use.
    """
    height, width = out.shape[:2]
    least = {"min_height": height, "min_width": width} if factor > 1 else {}
    try:
        high, wide, colours, _ = simplejpeg.decode_jpeg_header(data, **least)
        if (high, wide) != (height, width) or colours not in _COLOURS:
            return False
        pixels = simplejpeg.decode_jpeg(data, "RGB", buffer=out if out.flags.c_contiguous else None, **least)
    except ValueError:  # also for what a lenient decoder would only warn of
        return False
    if not out.flags.c_contiguous:
        out[:] = pixels
    return True
