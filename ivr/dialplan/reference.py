"""The reference page of the types of step, made from their modules: sentence, example, fields, rules.

The same models and docstrings make the schema for editors, so page, editor and check cannot differ.
"""

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

from ivr.dialplan.model import Step
from ivr.dialplan.schema import schema

_TOP = """# The types of step

Made from the code (`ivr/dialplan/reference.py`); what it is a part of stands in [the dialplan language](dialplan.md).
Every field that names a step must name one of the file. The names of fields are those of the YAML.

"""


def reference_text(step_types: Mapping[str, type[Step]]) -> str:
    """The content of `docs/admin/steps.md`."""
    definitions = schema(step_types)["$defs"]
    index = "".join(f"- [{kind}](#{kind}): {_about(model)[0]}\n" for kind, model in step_types.items())
    sections = [_section(kind, model, definitions) for kind, model in step_types.items()]
    return _TOP + index + "\n" + "\n".join(sections)


def _section(kind: str, model: type[Step], definitions: Mapping[str, Any]) -> str:
    sentence, example, rules = _about(model)
    own = definitions[f"step_{kind}"]
    text = f"## {kind}\n{sentence}\n\n{example}\n"
    fields = {name: about for name, about in own["properties"].items() if name != "type"}
    if fields:
        text += _table(fields, own)
    for name in _parts(fields, definitions):
        part = definitions[name]
        text += f"\n`{_used_by(name, fields)}`:\n\n" + _table(part["properties"], part)
    return text + (f"\n{rules}\n" if rules else "")


def _about(model: type[Step]) -> tuple[str, str, str]:
    """First sentence without the type's name, the example as an indented block, what stands after it."""
    doc = sys.modules[model.__module__].__doc__ or ""
    before, example, rules = re.split(r"```yaml\n|```\n?", doc, maxsplit=2)
    sentence = " ".join(before.split()).partition(": ")[2]
    block = "".join(f"    {line}\n" for line in example.splitlines())
    return sentence[0].upper() + sentence[1:], block, rules.strip()


def _table(fields: Mapping[str, Any], owner: Mapping[str, Any]) -> str:
    rows = "| field | default | meaning |\n|---|---|---|\n"
    for name, about in fields.items():
        meaning = about.get("description", "").replace("\n", " ").replace("|", "\\|")
        rows += f"| `{name}` | {_default(about, name in owner.get('required', ()))} | {meaning} |\n"
    return rows


def _default(about: Mapping[str, Any], needed: bool) -> str:
    if needed:
        return "(needed)"
    default = about.get("default")
    if default is None or default in ([], {}, ""):
        return "none"
    if isinstance(default, dict):
        return "as below"
    return f"`{json.dumps(default) if isinstance(default, bool) else default}`"


def _parts(fields: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[str]:
    """Names of the definitions that the fields refer to, each once."""
    found = re.findall(r'"#/\$defs/(\w+)"', json.dumps(list(fields.values())))
    return [name for name in dict.fromkeys(found) if "properties" in definitions[name]]


def _used_by(part: str, fields: Mapping[str, Any]) -> str:
    return next(name for name, about in fields.items() if f'"#/$defs/{part}"' in json.dumps(about))
