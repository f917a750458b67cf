"""Text for trainset."""
