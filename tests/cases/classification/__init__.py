"""Cases of `jaxloss.classification`."""
