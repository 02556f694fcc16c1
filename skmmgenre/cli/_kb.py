"""Building a knowledge base from dumps, and telling what is in one."""

import json
import os
import time


def build_kb(output, dumps, *, predicates=None, label_predicates=None, language=None, verbose=1):
    """Make the file of a knowledge base and tell what is in it.

    Parameters
    ----------
    output : str
        Path of the file to make.
    dumps : dict of str to list of str
        Paths of the dumps as labels, redirects, categories and links.
    predicates, label_predicates, language, verbose
        As in `KnowledgeBase.build`.
    """
    from ..text import KnowledgeBase

    if not any(dumps.values()):
        raise ValueError(
            "no dump is given. Name at least one file with --labels, --redirects, --categories "
            "or --links."
        )
    start = time.perf_counter()
    kb = KnowledgeBase.build(
        output,
        **dumps,
        predicates=predicates,
        label_predicates=label_predicates,
        language=language,
        verbose=verbose,
    )
    print(f"{os.path.basename(output)}, built in {time.perf_counter() - start:.0f} s")
    _print_info(kb.info())


def show_kb(path, *, as_json=False):
    """Print what is in the file of a knowledge base, after comparing its checksums.

    Parameters
    ----------
    path : str
    as_json : bool
        Print one JSON object.
    """
    from ..text import KnowledgeBase

    info = KnowledgeBase.open(path).info()
    if as_json:
        print(json.dumps(info, ensure_ascii=False, indent=2))
        return
    print(os.path.basename(path))
    _print_info(info)


def as_predicates(pairs):
    """The mapping of `KnowledgeBase.build` from texts like "recordLabel=record label"."""
    if not pairs:
        return None
    predicates = {}
    for pair in pairs:
        name, found, role = pair.rpartition("=")
        if not found or not name:
            raise ValueError(
                f"--predicate {pair!r} is not NAME=TEXT. Write recordLabel='record label', or "
                "recordLabel= for no text."
            )
        predicates[name] = role
    return predicates


def _print_info(info):
    for key in ("entities", "forms", "categories", "category_links", "links"):
        print(f"  {key.replace('_', ' '):<16}{info[key]:>14,}")
    print(f"  {'size':<16}{info['bytes'] / 1e6:>11,.1f} MB")
    for source in info["sources"]:
        print(f"  {source['role']:<16}{source['name']}")
    for reason, times in info["left_out"].items():
        print(f"  left out: {reason}, {times:,}")
    print(f"  built with skmmgenre {info['version']}, format {info['format']}")
