"""What the review screen asks and tells in a box of its own."""
