"""Label formats for volumes."""
