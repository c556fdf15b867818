"""Cases of `jaxloss.regression`."""
