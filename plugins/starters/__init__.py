"""Trained networks that recipes begin with."""
