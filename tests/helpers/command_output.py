"""The command as a process of its own, and what it writes."""

import csv
import io
import re
import subprocess
import sys

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def run(*arguments, **kwargs):
    return subprocess.run(
        [sys.executable, "-m", "skmmgenre", *arguments], capture_output=True, text=True, **kwargs
    )


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))
