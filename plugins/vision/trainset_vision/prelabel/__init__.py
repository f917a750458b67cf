"""Models and algorithms that propose labels for images."""
