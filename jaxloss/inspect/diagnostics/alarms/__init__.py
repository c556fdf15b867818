"""From readings to alarms: the history of a run, the rules, and the report."""

from jaxloss.inspect.diagnostics.alarms.history import History, append
from jaxloss.inspect.diagnostics.alarms.raising import Alarm, report
from jaxloss.inspect.diagnostics.alarms.rules import RULES, Rule

__all__ = ["RULES", "Alarm", "History", "Rule", "append", "report"]
