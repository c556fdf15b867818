"""Cases of `jaxloss.representation`, one module for each of its modules."""
