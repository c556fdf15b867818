"""Cases of vector quantisation."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.generative._shared import STOPPED, equal_vectors, far_vectors, vector_pair

HELPERS = {"straight_through": "passes codes on with the gradient of the encodings; not a loss"}

CASES = [
    Case(
        fn=jaxloss.vq_codebook_loss,
        draw=vector_pair("encodings", "codes"),
        oracle=lambda encodings, codes: np.linalg.norm(codes - encodings, axis=-1) ** 2,
        source="numpy.linalg.norm, squared",
        fixed={"encodings": STOPPED},
        constant={"encodings": STOPPED},
        structures={"one feature": vector_pair("encodings", "codes", size=1)},
        perfect=equal_vectors("encodings", "codes"),
        convex=True,
        extremes={"far": far_vectors("encodings", "codes")},
        translates=(("encodings", "codes"),),
    ),
    Case(
        fn=jaxloss.vq_commitment_loss,
        draw=vector_pair("encodings", "codes"),
        oracle=lambda encodings, codes: np.linalg.norm(encodings - codes, axis=-1) ** 2,
        source="numpy.linalg.norm, squared",
        fixed={"codes": STOPPED},
        constant={"codes": STOPPED},
        structures={"one feature": vector_pair("encodings", "codes", size=1)},
        perfect=equal_vectors("encodings", "codes"),
        convex=True,
        extremes={"far": far_vectors("encodings", "codes")},
        translates=(("encodings", "codes"),),
    ),
]
