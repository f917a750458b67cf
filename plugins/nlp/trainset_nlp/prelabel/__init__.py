"""Pre-labellers for texts."""
