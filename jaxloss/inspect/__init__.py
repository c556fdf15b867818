"""What a loss promises, and the laws that hold it to that. `import jaxloss` alone does not load it."""

from jaxloss.inspect.case import Case

__all__ = ["Case"]
