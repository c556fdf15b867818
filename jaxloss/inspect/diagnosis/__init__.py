"""Why a loss is NaN, flat or wrong."""

from jaxloss.inspect.diagnosis.causes import CAUSES
from jaxloss.inspect.diagnosis.diagnosing import diagnose
from jaxloss.inspect.diagnosis.report import Diagnosis, Finding

__all__ = ["CAUSES", "Diagnosis", "Finding", "diagnose"]
