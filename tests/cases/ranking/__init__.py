"""Cases of `jaxloss.ranking`, one module for each of its modules."""
