"""Optimal transport and discrepancies of samples and point sets."""

from jaxloss.transport import discrepancy, entropic, point_clouds, sorted_transport
from jaxloss.transport.discrepancy import *
from jaxloss.transport.entropic import *
from jaxloss.transport.point_clouds import *
from jaxloss.transport.sorted_transport import *

__all__: list[str] = []
__all__ += discrepancy.__all__
__all__ += entropic.__all__
__all__ += point_clouds.__all__
__all__ += sorted_transport.__all__
