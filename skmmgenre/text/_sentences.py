"""Where sentences end."""

import threading

_own = threading.local()


def sentence_ends(text):
    """Positions behind the sentences of `text`, in order, the last one its end.

    Sentences end at punctuation, as spaCy's rule-based splitter sees it for any language.
    """
    nlp = getattr(_own, "nlp", None)
    if nlp is None:
        import spacy

        # One a thread: memory zones, which free the words of a text again, cannot be nested.
        nlp = _own.nlp = spacy.blank("xx")
        nlp.add_pipe("sentencizer")
        nlp.max_length = float("inf")
    with nlp.memory_zone():
        return [sentence.end_char for sentence in nlp(text).sents]
