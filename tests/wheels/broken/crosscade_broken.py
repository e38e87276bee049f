"""A plugin that cannot even be imported."""

raise RuntimeError("the licence server is asleep")
