"""`trainset plugins`."""

from __future__ import annotations

from typing import Any

import click

from trainset.commands.common import json_option, say, show, show_json
from trainset.plugins.specs import AnnotationSpec
from trainset.workspace import Workspace

_KINDS = {
    "ModalitySpec": "modality",
    "AnnotationSpec": "annotation",
    "PrelabelerSpec": "pre-labeller",
    "EmbedderSpec": "embedder",
    "RuleSpec": "rule",
    "RankerSpec": "ranker",
    "FormatSpec": "format",
    "ViewSpec": "view",
    "DemoSpec": "demo",
}


@click.command()
@json_option
def plugins(as_json: bool) -> None:
    """What is installed, from which distribution and version, and what is broken and why."""
    found = Workspace()
    told: list[dict[str, Any]] = []
    for plugin in found.manager.plugins:
        specs = [] if plugin.error else [s for s in found.registry.every() if found.registry.owner(s) is plugin]
        provides = [
            {
                "kind": _KINDS[type(s).__name__],
                "name": s.tag if isinstance(s, AnnotationSpec) else s.name,
                "summary": s.summary,
            }
            for s in specs
        ]
        told.append(
            {
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "error": plugin.error or None,
                "provides": provides,
            }
        )
    if as_json:
        show_json(told)
    else:
        for p in told:
            show(f"{p['distribution']} {p['version']}" + (f"  broken: {p['error']}" if p["error"] else ""))
            for s in p["provides"]:
                show(f"  {s['kind']:<13} {s['name']:<24} {s['summary']}")
    if any(p["error"] for p in told):
        say("upgrade or uninstall what is broken; the rest works without it")
        click.get_current_context().exit(3)
