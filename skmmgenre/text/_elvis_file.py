"""The JSON files that ELVIS writes: the sentences of a text, with the entities in each."""

import json

_TOOLS = 3  # that ELVIS asks; a confidence of 2 or 3 is the number of those that agree


def read_sentences(path):
    """The sentences of a file: their text and their list of entities.

    Raises OSError or ValueError, with the reason, if it is no such file.
    """
    content = json.loads(path.read_bytes())
    if not isinstance(content, list):
        raise ValueError("it holds no list of sentences")
    sentences = []
    for number, sentence in enumerate(content):
        if not isinstance(sentence, dict) or not (
            isinstance(sentence.get("text"), str) and isinstance(sentence.get("entities"), list)
        ):
            raise ValueError(f"sentence {number} has no text and list of entities")
        sentences.append((sentence["text"], sentence["entities"]))
    return sentences


def settle(sentence, entity):
    """The place of an entity in its sentence, the end exclusive.

    Files differ in where a mention ends (its last character, or behind it, or one further), and
    count characters beyond U+FFFF as one or two; the label tells which it is.

    Raises ValueError if the label is not there.
    """
    label, start, end = (entity.get(name) for name in ("label", "startChar", "endChar"))
    if not isinstance(label, str) or not label.strip():
        raise ValueError("a mention without a label")
    if type(start) is not int or type(end) is not int or start < 0:
        raise ValueError(f"the mention {label!r} without a place")
    for first, last in _readings(sentence, start, end):
        stop = first + len(label)
        if sentence.startswith(label, first) and stop - 1 <= last <= stop + 1:
            return first, stop
    raise ValueError(
        f"the mention {label!r} is not at {start}:{end}, where {sentence[start:end]!r} is"
    )


def _readings(sentence, start, end):
    yield start, end
    encoded = sentence.encode("utf-16-le", errors="surrogatepass")
    if len(encoded) > 2 * len(sentence):
        yield tuple(
            len(encoded[: 2 * unit].decode("utf-16-le", errors="ignore")) for unit in (start, end)
        )


def reference_of(entity):
    """The address or title of an entity, or the id of its BabelNet synset; "" if it has none."""
    return entity.get("uri") or entity.get("babelSynsetID") or ""


def confidence_of(entity):
    """The confidence, of agreement as a share of the tools. Raises ValueError if it has none."""
    try:
        confidence = float(entity.get("confidence"))
    except TypeError as error:
        raise ValueError(f"the mention {entity.get('label')!r} without a confidence") from error
    return confidence / _TOOLS if confidence in range(2, _TOOLS + 1) else confidence
