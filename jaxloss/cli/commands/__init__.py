"""The commands of ``jaxloss``: each is the module of its name."""
