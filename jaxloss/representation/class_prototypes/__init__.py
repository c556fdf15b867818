"""Classes that are represented by points: learned proxies, means of a support set, centroids of a batch."""

from jaxloss.representation.class_prototypes import few_shot, proxies, several_centers, speaker_centroids
from jaxloss.representation.class_prototypes.few_shot import *
from jaxloss.representation.class_prototypes.proxies import *
from jaxloss.representation.class_prototypes.several_centers import *
from jaxloss.representation.class_prototypes.speaker_centroids import *

__all__: list[str] = []
__all__ += few_shot.__all__
__all__ += proxies.__all__
__all__ += several_centers.__all__
__all__ += speaker_centroids.__all__
