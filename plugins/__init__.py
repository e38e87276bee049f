"""Built-in components; each module implements hooks and goes through the same door as a stranger's."""
