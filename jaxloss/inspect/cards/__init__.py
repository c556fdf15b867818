"""Property cards: what a loss does, before one trains with it.

`card` examines a loss now; `cards` reads the committed cards of all losses, and `find` searches them. What textbook
theorems decide is in the tables of `jaxloss.inspect.cards.lemmas`.
"""

from jaxloss.inspect.cards.examination import card, examine
from jaxloss.inspect.cards.reading.readings import View
from jaxloss.inspect.cards.reading.vectors import VectorView, vector_view
from jaxloss.inspect.cards.reading.views import view
from jaxloss.inspect.cards.record import Card
from jaxloss.inspect.cards.rows.cost import cost_rows
from jaxloss.inspect.cards.rows.falsifier import falsify_convexity
from jaxloss.inspect.cards.rows.floats import DEFECTS, Enumeration, FloatName, enumerate_floats, float_verdict
from jaxloss.inspect.cards.rows.influence import influence_rows
from jaxloss.inspect.cards.rows.predicting import predicted, predicting_rows
from jaxloss.inspect.cards.rows.pushing import bounded_gradient, pushing_rows, wrong_but_flat
from jaxloss.inspect.cards.rows.reporting import reported, reporting_rows
from jaxloss.inspect.cards.table import cards, drift, find

__all__ = [
    "DEFECTS",
    "Card",
    "Enumeration",
    "FloatName",
    "VectorView",
    "View",
    "bounded_gradient",
    "card",
    "cards",
    "cost_rows",
    "drift",
    "enumerate_floats",
    "examine",
    "falsify_convexity",
    "find",
    "float_verdict",
    "influence_rows",
    "predicted",
    "predicting_rows",
    "pushing_rows",
    "reported",
    "reporting_rows",
    "vector_view",
    "view",
    "wrong_but_flat",
]
