"""Cases of `jaxloss.vision`, one module for each of its modules."""
