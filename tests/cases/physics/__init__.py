"""Cases of the physics-informed losses."""
