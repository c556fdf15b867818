"""Cases of the penalties beside a main loss."""
