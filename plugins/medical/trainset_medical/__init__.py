"""Medical volumes for trainset."""
