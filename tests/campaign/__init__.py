"""Attacks on everything that the software reads and writes, with a table of what came of them: `make campaign`."""
