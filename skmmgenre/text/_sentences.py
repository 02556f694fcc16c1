"""Where sentences end."""

import threading

# Marks that end sentences, and what may close one behind them, in scripts without spaces:
# there spaCy takes all up to the next space as one token, unless it is told to part it here.
_MARKS_WITHOUT_SPACES = "[。｡！？」』”）】》〉។။]"

_own = threading.local()


def sentence_ends(text):
    """Positions behind the sentences of `text`, in order, the last one its end.

    Sentences end at punctuation, as spaCy's rule-based splitter sees it for any language.
    """
    nlp = getattr(_own, "nlp", None)
    if nlp is None:
        # One a thread: memory zones, which free the words of a text again, cannot be nested.
        nlp = _own.nlp = _make_splitter()
    with nlp.memory_zone():
        return [sentence.end_char for sentence in nlp(text).sents]


def _make_splitter():
    import spacy
    from spacy.util import compile_infix_regex

    nlp = spacy.blank("xx")
    infixes = compile_infix_regex([*nlp.Defaults.infixes, _MARKS_WITHOUT_SPACES])
    nlp.tokenizer.infix_finditer = infixes.finditer
    nlp.add_pipe("sentencizer")
    nlp.max_length = float("inf")
    return nlp
