"""The durable journal: nothing is acknowledged before it is on disk, nothing is counted twice."""

from consumers.journal.journal import Journal
from consumers.journal.retention import OwnTable, Rules, Thinning
from consumers.journal.values import Entry, JournalStatus, Quarantined, Row, row
from consumers.journal.work import Kept

__all__ = [
    "Entry",
    "Journal",
    "JournalStatus",
    "Kept",
    "OwnTable",
    "Quarantined",
    "Row",
    "Rules",
    "Thinning",
    "row",
]
