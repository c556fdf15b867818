"""Cases of the divergences and distances of distributions."""
