"""Pre-labellers for volumes."""
