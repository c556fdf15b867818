"""Cases of the losses that compare a network with itself."""
