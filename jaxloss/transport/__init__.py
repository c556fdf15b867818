"""Distances between distributions that are given by samples."""
