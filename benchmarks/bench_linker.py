"""Build, open, share and link with a knowledge base of 5,000,000 titles.

Titles, 4 categories for each and a link for each are generated: persons, works and bands with
shared words, some with a qualifier in brackets, so that many names are ambiguous.
Texts of 1,500 characters name entities that have a category in common among common English
words. Each measurement runs in its own process:

- build: seconds and peak memory, from N-Triples packed with gzip;
- open: seconds, with and without the checksums; memory of two processes that
  link with the same file;
- link: MB of text per second on one core, including disambiguation; recall and precision on
  the generated mentions;
- for comparison, a Python dict of all titles, with a lookup of every n-gram of up to 8 words,
  that chooses the most linked entity;
- at 500,000 titles (a tenth), both and spaCy's PhraseMatcher.

This takes about half an hour and 5 GB of disk; a smaller run:

    python benchmarks/bench_linker.py --titles 200000

With ``--keep DIR`` the generated files stay there, and a second run uses them.
"""

import argparse
import gzip
import json
import os
import pickle
import re
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

CATEGORIES_PER_TITLE = 4
TEXT_CHARS = 1500
KINDS = ("band", "album", "song", "film", "musician", "footballer", "politician", "novel")
RESOURCE = "http://dbpedia.org/resource/"


# ---- generated data ------------------------------------------------------------------


def invented_words(n, rng):
    """Return invented words of one to three syllables."""
    onsets = "b c d f g h j k l m n p r s t v w z br cr dr fr gr pl st tr sh ch th".split()
    vowels = "a e i o u ai ea ou oo".split()
    codas = ["", "", "", "n", "r", "s", "t", "l", "m", "ck", "nd", "ng", "x"]
    words = {}
    while len(words) < n:
        syllables = rng.integers(1, 4)
        word = "".join(
            onsets[rng.integers(len(onsets))] + vowels[rng.integers(len(vowels))]
            for _ in range(syllables)
        )
        words[word.capitalize() + codas[rng.integers(len(codas))]] = None
    return np.array(list(words), dtype=object)


def common_words():
    """Return English words with their frequencies, most frequent first."""
    import spellchecker

    file = Path(spellchecker.__file__).parent / "resources" / "en.json.gz"
    counts = json.loads(gzip.decompress(file.read_bytes()))
    words = sorted(counts, key=counts.get, reverse=True)[:20_000]
    return np.array(words, dtype=object), np.array([counts[word] for word in words], dtype=float)


def zipf(n, size, rng, exponent=1.0):
    """Return random numbers below n, small ones more often."""
    weights = np.cumsum(np.arange(1, n + 1) ** -exponent)
    return np.searchsorted(weights, rng.random(size) * weights[-1])


def make_titles(n, rng):
    """Return distinct titles, with a qualifier if the plain name is taken, and for some others."""
    first_names, names = np.split(invented_words(5_000 + 100_000, rng), [5_000])
    words = np.array([word.capitalize() for word in common_words()[0]], dtype=object)
    titles = {}
    while len(titles) < n:
        block = 100_000
        kinds = rng.random(block)
        lengths = rng.choice([1, 2, 3, 4, 5, 6], p=[0.15, 0.3, 0.25, 0.15, 0.1, 0.05], size=block)
        firsts = first_names[zipf(len(first_names), block, rng, 0.8)]
        lasts = names[zipf(len(names), (block, 2), rng, 0.6)]
        works = words[zipf(len(words), (block, 6), rng, 0.7)]
        qualifiers = rng.integers(len(KINDS), size=block)
        is_qualified = rng.random(block) < 0.1
        for row in range(block):
            if kinds[row] < 0.4:
                title = f"{firsts[row]} {lasts[row, 0]}"
            elif kinds[row] < 0.8:
                title = " ".join(works[row, : lengths[row]])
            elif kinds[row] < 0.9:
                title = f"The {lasts[row, 0]} {works[row, 0]}"
            else:
                title = f"{lasts[row, 0]} {lasts[row, 1]}"
            if is_qualified[row] or title in titles:
                title = f"{title} ({KINDS[qualifiers[row]]})"
            if title in titles:
                title = f"{title[:-1]} of {lasts[row, 1]})"
            titles[title] = None
            if len(titles) == n:
                break
    titles = np.array(list(titles), dtype=object)
    return titles[rng.permutation(n)]  # popularity is independent of the kind


def make_dumps(folder, n, rng):
    """Write the dumps; return titles, their categories and the members of the categories."""
    titles = make_titles(n, rng)
    n_categories = n // 4
    size = (n, CATEGORIES_PER_TITLE)
    categories = (n_categories * rng.random(size) ** 3).astype(np.int32)
    links = zipf(n, n, rng).astype(np.int32)
    kinds = ("births", "albums produced by", "people from", "songs written by", "bands from")
    category_names = [
        f"Category:{kinds[i % 5].capitalize()}_{titles[i].replace(' ', '_')}"
        for i in range(n_categories)
    ]
    label = "http://www.w3.org/2000/01/rdf-schema#label"
    subject = "http://purl.org/dc/terms/subject"
    link = "http://dbpedia.org/ontology/wikiPageWikiLink"
    iris = [f"<{RESOURCE}{title.replace(' ', '_')}>" for title in titles]

    def write(name, lines):
        with gzip.open(folder / name, "wt", compresslevel=1, encoding="utf-8") as file:
            file.writelines(lines)

    write(
        "labels.nt.gz",
        (f'{iri} <{label}> "{title}"@en .\n' for iri, title in zip(iris, titles, strict=True)),
    )
    write(
        "categories.nt.gz",
        (
            f"{iri} <{subject}> <{RESOURCE}{category_names[category]}> .\n"
            for iri, row in zip(iris, categories.tolist(), strict=True)
            for category in row
        ),
    )
    pages = rng.integers(n, size=n)
    write(
        "links.nt.gz",
        (
            f"{iris[page]} <{link}> {iris[target]} .\n"
            for page, target in zip(pages.tolist(), links.tolist(), strict=True)
        ),
    )
    return titles, categories, np.bincount(links, minlength=n)


def make_texts(titles, categories, n_chars, rng):
    """Return texts and their mentions: positions of the names and numbers of the titles."""
    words, counts = common_words()
    order = np.argsort(categories.ravel(), kind="stable")
    starts = np.searchsorted(categories.ravel()[order], np.arange(categories.max() + 2))
    texts, truths, made = [], [], 0
    while made < n_chars:
        about = int(zipf(len(titles), 1, rng)[0])
        category = rng.choice(categories[about])
        members = order[starts[category] : starts[category + 1]] // CATEGORIES_PER_TITLE
        known = [about, *rng.choice(members, size=min(4, len(members)), replace=False).tolist()]
        parts, at, truth = [], 0, []
        filler = words[rng.choice(len(words), p=counts / counts.sum(), size=TEXT_CHARS // 4)]
        filler = iter(filler.tolist())
        while at < TEXT_CHARS:
            some = " ".join(next(filler, "word") for _ in range(rng.integers(6, 16)))
            title = int(known[rng.integers(len(known))])
            name = titles[title].partition(" (")[0]
            part = f"{some.capitalize()} by {name} here. "
            start = at + len(some) + 4
            truth.append((start, start + len(name), title))
            parts.append(part)
            at += len(part)
        texts.append("".join(parts))
        truths.append(truth)
        made += at
    return texts, truths


# ---- parts, each in its own process -----------------------------------------------------


def memory():
    """Return resident MB of this process: total, proportional and private."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    parts = {line.split(":")[0]: int(line.split()[1]) / 1000 for line in lines}
    own = parts["Private_Clean"] + parts["Private_Dirty"]
    return {"rss": parts["Rss"], "pss": parts["Pss"], "own": own}


def part_build(folder):
    """Build the knowledge base."""
    from skmmgenre.text import KnowledgeBase

    start, cpu = time.perf_counter(), time.process_time()
    kb = KnowledgeBase.build(
        folder / "titles.kb",
        labels=folder / "labels.nt.gz",
        categories=folder / "categories.nt.gz",
        links=folder / "links.nt.gz",
        verbose=1,
    )
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        **kb.info(),
    }


def part_link(folder):
    """Open the file, link all texts, wait for the other process and report the memory."""
    from skmmgenre.text import GazetteerLinker, KnowledgeBase

    before = memory()
    opened = []
    for verify in (True, False):
        start = time.perf_counter()
        kb = KnowledgeBase.open(folder / "titles.kb", verify=verify)
        opened.append(time.perf_counter() - start)
    linker = GazetteerLinker(kb)
    told = link_all(
        folder,
        lambda text: [(m.start, m.end, m.entity) for m in linker.link(text)],
        lambda start, end, number, entity: (start, end, entity),
    )
    if os.environ.get("BENCH_WAIT"):
        print("ready", flush=True)
        sys.stdin.readline()
    return {**told, "opened": opened, "before": before, "memory": memory()}


def part_dictionary(folder):
    """Link with a dict of names: look up every n-gram of up to 8 words, keep the longest."""
    titles, counts = pickle.loads((folder / "titles.pickle").read_bytes())
    start = time.perf_counter()
    best = {}
    for number, title in enumerate(titles):
        key = title.partition(" (")[0].lower()
        known = best.get(key)
        if known is None or counts[number] > counts[known]:
            best[key] = number
    built = time.perf_counter() - start
    del titles, counts
    word = re.compile(r"\w+")

    def link(text):
        spans = [match.span() for match in word.finditer(text)]
        lowered, found, i = text.lower(), [], 0
        while i < len(spans):
            for j in range(min(i + 8, len(spans)), i, -1):
                number = best.get(lowered[spans[i][0] : spans[j - 1][1]])
                if number is not None:
                    found.append((spans[i][0], spans[j - 1][1], number))
                    i = j - 1
                    break
            i += 1
        return found

    told = link_all(folder, link, lambda start, end, number, entity: (start, end, number))
    return {**told, "built": built, "memory": memory()}


def part_spacy(folder):
    """Match with spaCy's PhraseMatcher, which does not disambiguate."""
    import spacy
    from spacy.matcher import PhraseMatcher

    titles, _ = pickle.loads((folder / "titles.pickle").read_bytes())
    start = time.perf_counter()
    nlp = spacy.blank("en")
    matcher = PhraseMatcher(nlp.vocab, attr="LOWER")
    names = dict.fromkeys(title.partition(" (")[0] for title in titles)
    matcher.add("title", list(nlp.tokenizer.pipe(names)))
    built = time.perf_counter() - start
    del titles, names
    told = link_all(folder, lambda text: matcher(nlp(text)), lambda *truth: truth)
    return {**told, "built": built, "memory": memory()}


def link_all(folder, link, as_answer):
    """Return processor seconds for all texts, and recall and precision of `link`.

    `as_answer` converts start, end, number and entity of a mention to the expected result of
    `link`.
    """
    seconds = right = mentioned = named = n_bytes = 0
    with open(folder / "texts.jsonl", encoding="utf-8") as file:
        link(json.loads(next(file))[0])  # exclude what is loaded with the first text
        file.seek(0)
        for line in file:
            text, truth = json.loads(line)
            start = time.process_time()
            found = link(text)
            seconds += time.process_time() - start
            true = {as_answer(*one) for one in truth}
            right += len(true.intersection(found))
            mentioned += len(found)
            named += len(true)
            n_bytes += len(text.encode())
    return {
        "mb": n_bytes / 1e6,
        "seconds": seconds,
        "recall": right / named,
        "precision": right / max(mentioned, 1),
    }


PARTS = {"build": part_build, "link": part_link, "dictionary": part_dictionary, "spacy": part_spacy}


# ---- the whole ----------------------------------------------------------------------------


def start(part, folder, **environment):
    """Start a part in a new process."""
    return subprocess.Popen(
        [sys.executable, __file__, "--part", part, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


def finish(process):
    """Return the result that a part prints in its last line."""
    told, _ = process.communicate("go\n")
    if process.returncode:
        sys.exit(process.returncode)
    return json.loads(told.splitlines()[-1])


def megabytes(found):
    """Return a line with the memory of a process."""
    return ", ".join(f"{name} {value:.0f}" for name, value in found.items()) + " MB"


def quality(told):
    """Return recall and precision of found mentions."""
    return f"recall {told['recall']:.1%}, precision {told['precision']:.1%}"


def make_files(folder, n, n_chars):
    """Generate dumps and texts of n titles, unless they exist."""
    if (folder / "texts.jsonl").exists():
        print(f"{n:,} titles: files that are there are used")
        return
    rng = np.random.default_rng(0)
    begin = time.perf_counter()
    titles, categories, counts = make_dumps(folder, n, rng)
    texts, truths = make_texts(titles, categories, n_chars, rng)
    (folder / "titles.pickle").write_bytes(pickle.dumps((titles.tolist(), counts)))
    with open(folder / "made", "w", encoding="utf-8") as file:
        for text, truth in zip(texts, truths, strict=True):
            named = [
                (start, end, title, titles[title].replace(" ", "_")) for start, end, title in truth
            ]
            file.write(json.dumps([text, named]) + "\n")
    (folder / "made").rename(folder / "texts.jsonl")
    print(
        f"{n:,} titles, {categories.size:,} category links, {n:,} page links; {len(texts):,} "
        f"texts; generated in {time.perf_counter() - begin:.0f} s",
        flush=True,
    )


def bench(n, n_chars, keep, *, with_spacy):
    """Run all measurements with n titles; keep the files in `keep` if it is not None."""
    with ExitStack() as stack:
        if keep is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        else:
            folder = keep / str(n)
            folder.mkdir(parents=True, exist_ok=True)
        make_files(folder, n, n_chars)
        built = finish(start("build", folder))
        print(
            f"  build: {built['seconds']:.0f} s (of the processor {built['cpu']:.0f} s), peak "
            f"memory {built['peak']:.0f} MB; {built['forms']:,} forms, {built['categories']:,} "
            f"categories, file {built['bytes'] / 1e6:.0f} MB",
            flush=True,
        )
        both = [start("link", folder, BENCH_WAIT="1") for _ in range(2)]
        for process in both:
            while process.stdout.readline().strip() not in ("ready", ""):
                pass
        linked = [finish(process) for process in both]
        for number, told in enumerate(linked, 1):
            verified, plain = told["opened"]
            print(
                f"  process {number} of two: opened in {plain:.3f} s, with checksums "
                f"{verified:.3f} s; before opening {megabytes(told['before'])}, at the end "
                f"{megabytes(told['memory'])}"
            )
        ours = min(linked, key=lambda told: told["seconds"])
        mb = ours["mb"]
        print(f"  link: {mb / ours['seconds']:.2f} MB/s a core; {quality(ours)}")
        other = finish(start("dictionary", folder))
        print(
            f"  dictionary: {mb / other['seconds']:.2f} MB/s, ratio "
            f"{other['seconds'] / ours['seconds']:.2f}; {quality(other)}; made in "
            f"{other['built']:.0f} s in each process; {megabytes(other['memory'])}",
            flush=True,
        )
        if with_spacy:
            other = finish(start("spacy", folder))
            print(
                f"  PhraseMatcher: {mb / other['seconds']:.2f} MB/s, ratio "
                f"{other['seconds'] / ours['seconds']:.2f}, without disambiguation; made in "
                f"{other['built']:.0f} s; {megabytes(other['memory'])}"
            )


def main():
    """Print all measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--titles", type=int, default=5_000_000)
    parser.add_argument("--text", type=float, default=10, metavar="MB")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the files, use those there")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("folder", type=Path, nargs="?", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(PARTS[arguments.part](arguments.folder)))
        return
    n, n_chars, keep = arguments.titles, int(arguments.text * 1e6), arguments.keep
    bench(n, n_chars, keep, with_spacy=False)
    bench(n // 10, n_chars // 5, keep, with_spacy=True)


if __name__ == "__main__":
    main()
