"""Draw random mutants of the loss modules and see whether the laws and the tests of their family notice.

    python scripts/mutate.py --sample 30 --seed 7
    python scripts/mutate.py --sample 10 --paths jaxloss/regression --kinds stop_gradient constant

Prints what killed each mutant, the kill rate, and every survivor with its lines.
"""

from __future__ import annotations

from mutation.command import main

if __name__ == "__main__":
    raise SystemExit(main())
