"""What plugin authors test with: datasets as users make them, contexts in memory, and checks of the contract.

Each `check_…` takes a plugin's objects and raises a `ContractError`, an AssertionError that says what an object did and
what `trainset.plugins` asks of it. They work in any test runner.
"""

from trainset.testing.annotations import check_annotations
from trainset.testing.contexts import MemoryContext, items_in
from trainset.testing.contract import ContractError
from trainset.testing.datasets import CommandLine, dataset
from trainset.testing.demos import check_demo
from trainset.testing.embedders import check_embedder
from trainset.testing.formats import check_exporter, check_format, check_importer
from trainset.testing.media import check_modality
from trainset.testing.plugins import check_plugin
from trainset.testing.prelabelers import check_prelabeler, check_promptable
from trainset.testing.rules import check_ranker, check_rule
from trainset.testing.views import check_view

__all__ = [
    "CommandLine",
    "ContractError",
    "MemoryContext",
    "check_annotations",
    "check_demo",
    "check_embedder",
    "check_exporter",
    "check_format",
    "check_importer",
    "check_modality",
    "check_plugin",
    "check_prelabeler",
    "check_promptable",
    "check_ranker",
    "check_rule",
    "check_view",
    "dataset",
    "items_in",
]
