"""The contract of a plugin's module: its hooks, what their specs name, and that listing it costs nothing."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import msgspec

from trainset.core import protocols
from trainset.core.keys import key_collisions
from trainset.core.model import Annotation
from trainset.errors import PluginError
from trainset.plugins import builtin
from trainset.plugins.discovery import Found
from trainset.plugins.manager import Manager
from trainset.plugins.registry import Registry, load
from trainset.plugins.specs import (
    API,
    AnnotationSpec,
    EmbedderSpec,
    FormatSpec,
    PrelabelerSpec,
    Spec,
    ViewSpec,
)
from trainset.testing.contract import ContractError, named, require

_MADE: dict[tuple[str, str], type[Any]] = {
    ("ModalitySpec", "factory"): protocols.Modality,
    ("AnnotationSpec", "ops"): protocols.AnnotationOps,
    ("RuleSpec", "factory"): protocols.Rule,
    ("RankerSpec", "factory"): protocols.Ranker,
    ("FormatSpec", "importer"): protocols.Importer,
    ("FormatSpec", "exporter"): protocols.Exporter,
    ("ViewSpec", "factory"): protocols.View,
    ("DemoSpec", "factory"): protocols.Demo,
}
"""What a spec's import strings make without arguments."""

_STRINGS = ("factory", "struct", "ops", "settings", "recognise", "importer", "exporter")
"""The fields of specs that are import strings."""

_LISTING = """
import sys
import trainset.core.protocols, trainset.plugins
before = set(sys.modules)
module = __import__("importlib").import_module(sys.argv[1])
for name in dir(module):
    if name.startswith("trainset_") and callable(getattr(module, name)):
        list(getattr(module, name)())
top = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(top - set(sys.stdlib_module_names) - {"trainset", sys.argv[1].partition(".")[0]}))
"""


def check_plugin(module: ModuleType | str) -> None:
    """Check the module that an entry point of group `trainset` names: everything that it registers can be loaded."""
    module = import_module(module) if isinstance(module, str) else module
    name = module.__name__
    api = getattr(module, "API", API)
    require(
        isinstance(api, int) and api <= API,
        f"{name} has API {api!r}",
        f"`API` is the contract that a plugin was made for: this is {API}",
    )
    specs = _specs(module)
    require(
        len(specs) > 0,
        f"{name} registers nothing",
        "hooks are functions of the module that the entry point names, marked with `hookimpl`",
    )
    for spec in specs:
        _check_spec(spec)
    _check_listing(name)


def _specs(module: ModuleType) -> list[Spec]:
    """What the module registers, as the core collects it."""
    manager = Manager([Found("under-check", module.__name__, "0", module=module)], builtin)
    collected = list(manager.specs())
    error = manager.plugins[-1].error
    require(
        not error,
        f"{module.__name__} is left out: {error}",
        "a hook is one of those documented, takes no arguments and yields its own kind of spec",
    )
    try:
        Registry(collected)
    except PluginError as clash:
        raise ContractError(clash.message, "a name or tag is claimed once") from clash
    return [spec for plugin, spec in collected if plugin.name == "under-check"]


def _check_spec(spec: Spec) -> None:
    told = f"{type(spec).__name__} {spec.tag if isinstance(spec, AnnotationSpec) else spec.name!r}"
    require(bool(spec.summary.strip()), f"{told} has no summary", "a spec's summary is a line for `trainset plugins`")
    for field in _STRINGS:
        target = getattr(spec, field, None)
        if target is not None:
            _check_target(f"{field} of {told}", spec, field, target)
    if isinstance(spec, AnnotationSpec):
        struct = load(spec.struct)
        require(
            isinstance(struct, type) and issubclass(struct, Annotation) and struct.__struct_config__.tag == spec.tag,
            f"the struct of {told} is {struct!r}, of tag {getattr(getattr(struct, '__struct_config__', None), 'tag', None)!r}",
            "the struct subclasses Annotation, and is declared with the spec's tag",
        )
    if isinstance(spec, FormatSpec):
        require(
            bool(spec.importer or spec.exporter),
            f"{told} has neither importer nor exporter",
            "a format is read or written",
        )
    if isinstance(spec, ViewSpec):
        clashes = key_collisions(load(spec.factory)().keys)
        require(
            not clashes,
            f"{told} takes keys that are the core's: {', '.join(clashes)}",
            "a view's keys leave the core's alone",
        )
    if isinstance(spec, PrelabelerSpec):
        require(len(spec.produces) > 0, f"{told} produces nothing", "a pre-labeller's `produces` are annotation tags")


def _check_target(told: str, spec: Spec, field: str, target: str) -> None:
    try:
        found = load(target)
    except PluginError as error:
        raise ContractError(
            f"{told}: {error.message}", "an import string `module:attribute` names what can be imported"
        ) from error
    if field == "settings":
        require(
            isinstance(found, type) and issubclass(found, msgspec.Struct),
            f"{told} is {found!r}",
            "settings are a msgspec Struct",
        )
    elif (protocol := _MADE.get((type(spec).__name__, field))) is not None:
        require(callable(found), f"{told} is {found!r}", "a factory is called without arguments")
        _check_protocol(told, found(), protocol)
    elif isinstance(spec, PrelabelerSpec) and field == "factory" and isinstance(found, type):
        _check_protocol(told, found, protocols.Prelabeler)
    elif isinstance(spec, EmbedderSpec) and field == "factory" and isinstance(found, type):
        _check_protocol(told, found, protocols.Embedder)


def _check_protocol(told: str, made: object, protocol: type[Any]) -> None:
    """Whether an object (or a class, before it was constructed) has a Protocol's methods, with its parameters."""
    for name, member in vars(protocol).items():
        if name.startswith("_") or (isinstance(member, property) and isinstance(made, type)):
            continue
        contract = f"a {protocol.__name__} has " + (
            name if isinstance(member, property) else f"{name}{inspect.signature(member)}".replace("'", "")
        )
        require(hasattr(made, name), f"{told}: {named(made)} has no {name}", contract)
        if isinstance(member, property):
            continue
        wanted = list(inspect.signature(member).parameters)[0 if isinstance(made, type) else 1 :]
        try:
            inspect.signature(getattr(made, name)).bind(*wanted)
        except TypeError as error:
            raise ContractError(f"{told}: {named(made, name)} takes other arguments: {error}", contract) from error


def _check_listing(name: str) -> None:
    """What listing the plugin imports, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", _LISTING, name], env=environment, capture_output=True, text=True, check=False
    )
    require(
        done.returncode == 0,
        f"{name} cannot be imported by itself: {done.stderr.strip().splitlines()[-1:]}",
        "an entry point names a module that can be imported",
    )
    heavy = done.stdout.split()
    require(
        not heavy,
        f"listing {name} imports {', '.join(heavy)}",
        "listing plugins imports no library: specs name code by import strings",
    )
