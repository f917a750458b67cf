"""Scenes as terminal cells: numpy planes of code points and colours, and their one encoder. No Textual below `strip`."""
