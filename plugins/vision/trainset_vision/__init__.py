"""Images for trainset."""
