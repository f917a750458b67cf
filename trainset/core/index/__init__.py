"""The SQLite cache over the label files: safe to delete, and equal to one built anew whatever happened meanwhile."""

from trainset.core.index.cache import ChangedError, Index
from trainset.core.index.database import transaction
from trainset.core.index.purging import scrub
from trainset.core.index.runs import RunInfo, choose_run

__all__ = ["ChangedError", "Index", "RunInfo", "choose_run", "scrub", "transaction"]
