"""Trained cascades that come with the package."""
