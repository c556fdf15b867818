"""Cases of `jaxloss.pose`, one module for each of its modules."""
