"""Cases of the losses of augmented examples."""
