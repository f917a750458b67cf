"""The demo's data set: a conveyor belt, drawn from a seed, with known truth and a small detector."""

from trainset_vision.demo.belt import Belt

__all__ = ["Belt"]
