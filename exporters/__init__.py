"""Compilers of a trained bundle into something deployable."""
