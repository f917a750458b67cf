"""The review screen in a browser."""
