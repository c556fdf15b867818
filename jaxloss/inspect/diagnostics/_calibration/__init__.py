"""What calibration computes from its histogram: errors, their size by chance, a fitted temperature."""
