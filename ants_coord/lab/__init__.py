"""
The coordination tax: what it costs when several agents work on the same thing, in figures.

scaling      the Universal Scalability Law: fit, errors, the interval of its peak
costs        everything that the experiment assumes
worlds       kinds of work, each made from a seed
runs         the result of one run; virtual time, faults, the account of time
ways         one agent alone, and boards
talk         naive talk
experiment   worlds x ways x numbers of agents x seeds, compared with one agent alone
studies      what matters, how long jobs must be for two agents to pay off, whether a curve has a peak
tables       tables, text bars, figures
structure    how many agents can share some jobs, from their shape
tax          the account of a board
account      events folded into an account: who held what for how long
meter        what no log contains, counted in this process
advice       the least coordination that some work needs, and a prediction
predictions  predictions kept beside a board, and how they turned out

Everything here uses the library as any program may; only the command line uses it.
"""

from .account import AgentTax
from .advice import Advice, Facts, Level, Measurement, Prediction, advise
from .costs import Costs
from .experiment import Experiment, Row, Spread, experiment
from .meter import Meter
from .predictions import Score, score
from .runs import Duplicates, Run
from .scaling import Scaling, fit
from .structure import Structure, structure
from .studies import break_even, sensitivity, steady_curve
from .talk import Talk
from .tax import TaxReport, measurements, tax
from .ways import OnBoard, Solo, Way
from .worlds import WORLDS, Job, World

__all__ = [
    "WORLDS",
    "Advice",
    "AgentTax",
    "Costs",
    "Duplicates",
    "Experiment",
    "Facts",
    "Job",
    "Level",
    "Measurement",
    "Meter",
    "OnBoard",
    "Prediction",
    "Row",
    "Run",
    "Scaling",
    "Score",
    "Solo",
    "Spread",
    "Structure",
    "Talk",
    "TaxReport",
    "Way",
    "World",
    "advise",
    "break_even",
    "experiment",
    "fit",
    "measurements",
    "score",
    "sensitivity",
    "steady_curve",
    "structure",
    "tax",
]
