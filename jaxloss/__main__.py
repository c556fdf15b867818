"""``python -m jaxloss`` is ``jaxloss``."""

from jaxloss.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
