from .. import former

# not a plain assignment, after which a type checker finds any name here
globals()["__getattr__"] = former.getter(__name__, {"Catalogue"})
