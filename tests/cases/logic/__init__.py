"""Cases of the logical losses."""
