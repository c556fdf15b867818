"""What several modules of Cases of `jaxloss.experts` draw and compute."""

from __future__ import annotations

EXPERTS, CHOICES = 5, 2
