"""A folder in the layout of ELVIS, with invented artists: texts, answers of tools, agreement.

It has the odd cases of the real one, and more: ends that are inclusive, exclusive or one too far,
offsets that count UTF-16, confidences as text, percent-encoded and decomposed names, redirects,
mentions within mentions, synsets without a page, sentences that a tool splits otherwise.
"""

import json
from collections import Counter
from unicodedata import normalize
from urllib.parse import quote

# The sentences of each text, and its mentions in order: the label, then the page that Babelfy,
# TagMe and Spotlight link it to ("" where a tool does not find it, "bn:..." for a mere synset).
TEXTS = {
    "Ana_Ríos": (
        [
            "Ana Ríos (born Ana María Ríos Núñez; 3 March 1971) is a Chilean singer and guitarist.",
            "After two years in a choir of Valparaíso, Ana Ríos was signed by Faro Records, whose "
            "owner Iván Soto had heard her demo 🎸 at the Festival of the Harbour.",
            "Her debut album, Sal, was released in 1996 and went double platinum in Chile.",
            "She won the prize of the Harbour Press in 1997, sang a duet with Björn Aurland in "
            "1999, and murmurs of discontent followed when she left Faro Records.",
        ],
        [
            ("Ana", "Ana_(given_name)", "", ""),
            ("Ana Ríos", "Ana_Ríos", "Ana_Ríos_(singer)", "Ana_Ríos"),
            ("March", "March", "March", "March_(music)"),
            ("Chilean", "Chile", "", "Chile"),
            ("singer", "bn:00000001n", "Singing", "Singing"),
            ("guitarist", "Guitarist", "Guitarist", "Guitarist"),
            ("choir", "Choir", "", ""),
            ("Valparaíso", "Valparaíso", "Valparaíso", "Valparaíso"),
            ("Ana Ríos", "Ana_Ríos", "Ana_Ríos_(singer)", "Ana_Ríos"),
            ("Faro Records", "Faro_Records", "Faro_Records", "Faro_Records"),
            ("demo", "Demo_(music)", "Demo_(music)", ""),
            ("Festival of the Harbour", "", "Festival_of_the_Harbour", "Festival_of_the_Harbour"),
            ("album", "bn:00000002n", "Album", "Album"),
            ("Sal", "Sal_(album)", "Salt", ""),
            ("platinum", "Platinum", "Music_recording_certification", "Platinum"),
            ("Harbour Press", "Harbour_Press", "Harbour_Press_Awards", "Harbour_Press"),
            ("Björn Aurland", "Björn_Aurland", "Björn_Aurland", "Björn_Aurland"),
            ("murmurs", "bn:00000003v", "Murmur_(sound)", "Murmur_(sound)"),
            ("Faro Records", "Faro_Records", "Faro_Records", "Faro_Records"),
        ],
    ),
    "Björn_Aurland": (
        [
            # Written with combining characters, as some sites do, behind characters of two units.
            "🎻🎺 Bjo\u0308rn Aurland (/ˈbjœːɳ/) is a Norwegian composer, violinist and writer.",
            "He has led the Fjord Ensemble since 1988 and recorded three suites with it, among "
            'them "The Long Tide" and "Letters to Ana Ríos".',
            "Critics of the Harbour Press called Bjo\u0308rn Aurland 𝄞 the heir of the old folk "
            "music, although many of his suites are closer to jazz and to minimal music.",
            "His brother Nils Aurland plays the accordion on most of his records.",
        ],
        [
            ("Bjo\u0308rn", "Björn_(given_name)", "", ""),
            ("Bjo\u0308rn Aurland", "Björn_Aurland", "Björn_Aurland", "Björn_Aurland"),
            ("Norwegian", "Norway", "Norway", "Norway"),
            ("composer", "Composer", "Composer", "Composer"),
            ("violinist", "Violin", "", "Violin"),
            ("Fjord Ensemble", "Fjord_Ensemble", "Fjord_Ensemble", "Fjord_Ensemble"),
            ("The Long Tide", "", "The_Long_Tide", "The_Long_Tide"),
            ("Ana Ríos", "Ana_Ríos", "Ana_Ríos_(singer)", "Ana_Ríos"),
            ("Harbour Press", "Harbour_Press", "Harbour_Press_Awards", "Harbour_Press"),
            ("Bjo\u0308rn Aurland", "Björn_Aurland", "Björn_Aurland", "Björn_Aurland"),
            ("folk", "Folk_music", "", "Folk_(novel)"),
            ("folk music", "Folk_music", "Folk_music", "Folk_music"),
            ("jazz", "Jazz", "Jazz", "Jazz"),
            ("minimal music", "Minimal_music", "Minimal_music", ""),
            ("accordion", "Accordion", "Accordion", "Accordion"),
        ],
    ),
    "Señora_Mar": (
        [
            "Carmen Vidal Peña (21 May 1950 – 2 July 2011), known as Señora Mar [seˈɲoɾa ˈmaɾ], "
            "was a Spanish singer of boleros, a producer and the founder of Casa Mar.",
            'The guitarist Iván Soto, author of "Strings, Salt, Sea", describes Señora Mar as "a '
            'calm giant of the bolero",[1] and Ana Ríos, who opened for her in Madrid in 1998, has '
            "named her as one of her teachers.",
            "Her last concert was in Cádiz, with the Orchestra AC/DC & Friends.",
        ],
        [
            ("Carmen", "Carmen", "", "Carmen"),
            ("Vidal", "", "Vidal_(surname)", "Vidal_Sassoon"),
            ("May", "May", "", "May"),
            ("Señora Mar", "Señora_Mar", "Señora_Mar", "Señora_Mar"),
            ("Spanish", "Spain", "Spain", "Spain"),
            ("boleros", "Bolero", "Bolero", "Bolero"),
            ("producer", "Record_producer", "Record_producer", "Film_producer"),
            ("Casa Mar", "Casa_Mar", "", "Casa_Mar"),
            ("Iván Soto", "Iván_Soto", "Iván_Soto", "Iván_Soto"),
            ("Señora Mar", "Señora_Mar", "Señora_Mar", "Señora_Mar"),
            ("Ana Ríos", "Ana_Ríos", "Ana_Ríos", "Ana_Ríos"),
            ("Madrid", "Madrid", "Madrid", "Madrid"),
            ("Cádiz", "Cádiz", "Cádiz", "Cádiz"),
            ("AC/DC", "AC/DC", "AC/DC", "AC/DC"),
        ],
    ),
}
# TagMe's raw answers have these; the homogenised ones, and the agreement, what they lead to.
REDIRECTS = {
    "Ana_Ríos_(singer)": "Ana_Ríos",
    "Harbour_Press_Awards": "Harbour_Press",
    "Murmur_(sound)": "Whispering",
}
# Spotlight ends this mention one too far, and the agreement counts no vote of its there.
ONE_TOO_FAR = ("Señora_Mar", 3)
CATEGORIES = ["1971_births", "Chilean_soul_singers", "People_from_Valpara%C3%ADso"]


def write_elvis(folder):
    """Write the folder; return its path."""
    (folder / "texts" / "example").mkdir(parents=True)
    for name, (sentences, mentions) in TEXTS.items():
        # One text ends with a line break, as some files do.
        text = " ".join(sentences) + ("\n" if name == "Señora_Mar" else "")
        (folder / "texts" / "example" / f"{name}.txt").write_text(text, encoding="utf-8")
        places = list(_places(" ".join(sentences), mentions))
        for path, records in _answers(name, places).items():
            # TagMe was given the first two sentences as one.
            joined = path.startswith("tagme")
            pieces = [" ".join(sentences[:2]), *sentences[2:]] if joined else sentences
            file = folder / "entities" / path / f"{name}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(_by_sentence(pieces, records, path)), encoding="utf-8")
    return folder


def _places(text, mentions):
    """Where each label stands: behind the one before it, or around it if it begins with it."""
    start = end = 0
    before = " "
    for label, *_ in mentions:
        start = text.index(label, start if label.startswith(before) and label != before else end)
        end, before = start + len(label), label
        yield start, end


def _answers(name, places):
    """Start, end as it is written (both in characters) and other fields, of every folder."""
    answers = {
        path: []
        for path in ("babelfy/example", "babelfy/example_h", "tagme/example", "tagme/example_h",
                     "spotlight/example", "agreement/example_h_2")
    }  # fmt: skip
    for number, (mention, (start, end)) in enumerate(zip(TEXTS[name][1], places, strict=True)):
        label, babelfy, tagme, spotlight = mention
        if babelfy:
            synset = babelfy if babelfy.startswith("bn:") else f"bn:{number:08}n"
            fields = {
                "label": label,
                "confidence": number / 20,
                "uri": "" if babelfy == synset else f"http://dbpedia.org/resource/{babelfy}",
                "babelSynsetID": synset,
                "BabelNetURL": f"http://babelnet.org/rdf/s{synset[3:]}",
            }
            answers["babelfy/example"].append((start, end - 1, fields))
            # Homogenised ends are exclusive, but not all of them.
            written = end - 1 if number % 3 == 1 else end
            fields = fields | {"types": ""} | ({"categories": CATEGORIES} if number % 2 else {})
            answers["babelfy/example_h"].append((start, written, fields))
        if tagme:
            fields = {"label": label, "confidence": f"0.{number + 11}", "id": 1000 + number}
            raw = {
                "uri": normalize("NFD", tagme.replace("_", " ")),
                "categories": [name.replace("_", " ") for name in CATEGORIES],
            }
            page = REDIRECTS.get(tagme, tagme)
            homogenised = {
                "uri": f"http://dbpedia.org/resource/{page}",
                "categories": CATEGORIES,
                "types": "DBpedia:Person,DBpedia:Agent",
            }
            answers["tagme/example"].append((start, end, fields | raw))
            answers["tagme/example_h"].append((start, end, fields | homogenised))
        is_too_far = (name, number) == ONE_TOO_FAR
        if spotlight:
            fields = {
                "label": label,
                "confidence": f"0.9{number}",
                "uri": f"http://dbpedia.org/resource/{quote(spotlight)}",
                "types": "",
            }
            answers["spotlight/example"].append((start, end + is_too_far, fields))
        pages = [babelfy, REDIRECTS.get(tagme, tagme), "" if is_too_far else spotlight]
        votes = Counter(page for page in pages if page and not page.startswith("bn:"))
        for page, n_votes in votes.items():
            if n_votes >= 2:
                fields = {"label": label, "confidence": n_votes, "categories": CATEGORIES}
                fields |= {"uri": f"http://dbpedia.org/resource/{page}", "types": ""}
                # The agreement is in no order.
                answers["agreement/example_h_2"].insert(0, (start, end, fields))
    return answers


def _by_sentence(sentences, records, path):
    """The content of a file. Babelfy counts places in UTF-16."""
    content = []
    first = 0
    for index, sentence in enumerate(sentences):
        entities = []
        for start, end, fields in records:
            if first <= start < first + len(sentence):
                place = start - first, end - first
                if path.startswith("babelfy"):
                    place = (len(sentence[:at].encode("utf-16-le")) // 2 for at in place)
                entities.append(dict(zip(("startChar", "endChar"), place, strict=True)) | fields)
        is_raw = not path.split("/")[1].startswith("example_h")
        content.append({"text": sentence} | ({"index": index} if is_raw else {}))
        content[-1]["entities"] = entities
        first += len(sentence) + 1
    return content
