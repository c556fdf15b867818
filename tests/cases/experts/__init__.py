"""Cases of `jaxloss.experts`."""
