"""Sound for trainset."""
