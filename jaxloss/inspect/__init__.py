"""What a loss does before you train with it, and what it does to you while you train.

* `card` says what is proved, tested or refuted of a loss: convex, Lipschitz, robust, calibrated, exact in 16 bits.
  `find` searches the cards of all losses, ``cards.cards()`` reads them.
* `check_loss` makes the card of a loss of your own, and holds it to the laws that every loss here keeps.
* `choose` answers "which loss?" for a task and its traits.
* `diagnose` says why a loss is NaN, flat or wrong; it is `jaxloss.diagnose`, too.
* ``diagnostics`` are signals in a training loop, and the alarms that they give reason for.

>>> from jaxloss import inspect
>>> print(inspect.card("huber_loss", delta=2.0).rows["lipschitz"].statement)
slope at most 2 on [-50, 50]
>>> inspect.find(convex=True, redescending=False, smooth=True, task="regression")[:3]
['charbonnier_loss', 'expectile_loss', 'half_squared_error']
>>> inspect.choose("regression", ["outliers"]).options[0].loss
'huber_loss'

A `Case` and the ``laws`` are what the tests of this library are made of.
"""

from jaxloss.inspect import cards, checking, choosing, diagnosis, diagnostics, intervals, laws
from jaxloss.inspect.cards import Card, card, find
from jaxloss.inspect.case import Case
from jaxloss.inspect.checking import Report, check_loss
from jaxloss.inspect.choosing import choose
from jaxloss.inspect.diagnosis import Diagnosis, diagnose
from jaxloss.inspect.subject import Subject
from jaxloss.inspect.verdict import Verdict, Word

__all__ = [
    "Card",
    "Case",
    "Diagnosis",
    "Report",
    "Subject",
    "Verdict",
    "Word",
    "card",
    "cards",
    "check_loss",
    "checking",
    "choose",
    "choosing",
    "diagnose",
    "diagnosis",
    "diagnostics",
    "find",
    "intervals",
    "laws",
]
