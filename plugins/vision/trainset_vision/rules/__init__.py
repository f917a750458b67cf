"""Review rules over the shapes of objects on images."""
