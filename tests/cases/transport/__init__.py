"""Cases of `jaxloss.transport`, one module for each of its modules."""
