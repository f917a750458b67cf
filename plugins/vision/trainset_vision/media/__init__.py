"""Image files: what their headers declare, and their pixels."""
