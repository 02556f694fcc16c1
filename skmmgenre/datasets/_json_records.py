"""Records of a JSON file that may be large."""

import gzip
import json


def iterate_json(path):
    """Yield the records of a file one by one: an array, or records one after the other.

    Parameters
    ----------
    path : Path
        An array of records, or records with or without a line each (JSON lines); ".gz" is
        decompressed. Only the text of the file is held, not all of its records.

    Yields
    ------
    record : dict

    Raises
    ------
    ValueError
        If it is no JSON; the place is named.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        text = file.read()
    decoder, place = json.JSONDecoder(), 0
    while True:
        while place < len(text) and text[place] in " \t\r\n[],\ufeff":
            place += 1
        if place == len(text):
            return
        try:
            record, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{str(path)!r} is no JSON at character {error.pos:,}, line {error.lineno:,} "
                f"({error.msg}): it may be cut short. Fetch it again."
            ) from error
        if not isinstance(record, dict):
            raise ValueError(
                f"{str(path)!r} holds {str(record)[:40]!r} where a record was expected, at "
                f"character {place:,}."
            )
        yield record
