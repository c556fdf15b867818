"""Cases of `jaxloss.margin`."""
