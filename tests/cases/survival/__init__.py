"""Cases of `jaxloss.survival`, one module for each of its modules."""
