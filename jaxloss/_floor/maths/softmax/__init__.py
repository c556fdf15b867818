"""Softmax losses: their terms and slopes, by integer labels and soft targets, on one device and over several."""
