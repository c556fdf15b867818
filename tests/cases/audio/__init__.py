"""Cases of `jaxloss.audio`, one module for each of its modules."""
