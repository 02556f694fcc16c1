"""Model files as somebody writes them who knows the format."""

import hashlib
import json
import zipfile


def contents(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def forge(path, members, manifest=None):
    """Write a file as somebody would who knows the format: all checksums fit."""
    members = dict(members)
    made = json.loads(members.pop("skmmgenre.json")) | (manifest or {})
    made["members"] = {n: [len(c), hashlib.sha256(c).hexdigest()] for n, c in members.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {"skmmgenre.json": json.dumps(made).encode(), **members}.items():
            how = zipfile.ZIP_DEFLATED if name.endswith(".json") else zipfile.ZIP_STORED
            archive.writestr(name, content, how)
    return path


def forge_schema(path, source, change):
    members = contents(source)
    schema = json.loads(members["schema.json"])
    change(schema)
    return forge(path, members | {"schema.json": json.dumps(schema).encode()})


def attributes(schema):
    return schema["content"]["content"]
