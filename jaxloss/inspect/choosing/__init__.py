"""Which loss? A ranked short list for a task and its traits, each entry with a reason, a warning and a code line."""

from jaxloss.inspect.choosing.advice import choose, tasks, traits
from jaxloss.inspect.choosing.choice import Choice, Citation, Option

__all__ = ["Choice", "Citation", "Option", "choose", "tasks", "traits"]
