"""Label formats for texts."""
