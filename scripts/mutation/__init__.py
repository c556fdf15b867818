"""What a change can reach, and random mutants: the tools behind `scripts/mutate.py` and ``pytest --changed``."""
