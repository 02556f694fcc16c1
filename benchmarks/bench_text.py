"""Time and memory of truncation, enrichment and tf-idf, on 31,471 texts of 1500 characters.

There are as many albums as in MuMu, each with three reviews of a thousand characters, made of
sentences of synthetic albums. The knowledge base contains the people and places that they mention
and 500,000 other names. Every step runs in a new process, and is compared with scikit-learn's
TfidfVectorizer on the same texts. Most of the memory of truncation is the import of spaCy.

    python benchmarks/bench_text.py
"""

import argparse
import itertools
import multiprocessing
import re
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import joblib
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from skmmgenre.datasets import make_albums
from skmmgenre.text import (
    EntityEnricher,
    GazetteerLinker,
    KnowledgeBase,
    ReviewTruncator,
    ReviewVectorizer,
)

N_CHARS, N_OTHER_NAMES = 3000, 500_000


def make_reviews(albums, n_texts):
    """Return lists of reviews of about a thousand characters, from sentences of all albums."""
    rng = np.random.default_rng(0)
    sentences = [
        sentence
        for reviews in albums.table["text"]
        for sentence in " ".join(reviews).replace("! ", "!\n").replace(". ", ".\n").split("\n")
    ]
    n_sentences = 3 * round(N_CHARS / 3 / np.mean([len(sentence) for sentence in sentences]))
    drawn = rng.integers(len(sentences), size=(n_texts, 3, n_sentences // 3))
    return [[" ".join(sentences[i] for i in review) for review in text] for text in drawn]


def write_knowledge_base(albums, path):
    """Return the people and places of the albums, and names that no review mentions."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "or")]
    drawn = np.random.default_rng(1).choice(syllables, size=(N_OTHER_NAMES, 2, 3))
    others = (" ".join("".join(word).title() for word in name) for name in drawn)
    records = itertools.chain(
        (
            (line.name, [line.name], line.categories, 10)
            for line in albums.catalogue.itertuples(index=False)
        ),
        ((name, [name], ["Living people", "Musicians"], 1) for name in dict.fromkeys(others)),
    )
    KnowledgeBase.build(path, records=records)


def truncate(reviews, n_jobs):
    """Truncate lists of reviews to texts."""
    return ReviewTruncator(n_jobs=n_jobs).transform(reviews)


def enrich(texts, path, n_jobs):
    """Add categories to texts."""
    return EntityEnricher(GazetteerLinker(path), n_jobs=n_jobs).transform(texts)


def weigh(texts, vectorizer):
    """Compute word weights of texts."""
    return vectorizer.fit_transform(texts)


def peak_memory():
    """Return the peak memory of this process in GB, without that of its parent (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e9


def measure(step, given, answered, *arguments):
    """Return wall and processor seconds of a step, and peak GB before and after it.

    Its output is written to a file.
    """
    given = joblib.load(given)
    before = peak_memory()
    start, started = time.perf_counter(), time.process_time()
    answer = step(given, *arguments)
    seconds, busy = time.perf_counter() - start, time.process_time() - started
    joblib.dump(answer, answered)
    return seconds, busy, before, peak_memory()


def measure_alone(*arguments):
    """Run `measure` in a new process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(measure, *arguments).result()


def main():
    """Print one line per step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=31_471)
    parser.add_argument("--jobs", type=int, default=1, help="the processor's time is then missed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        albums = make_albums(
            1000,
            n_genres=40,
            missing={"audio": 1.0, "cover": 1.0},
            directory=folder,
            random_state=0,
        )
        joblib.dump(make_reviews(albums, arguments.texts), folder / "reviews")
        start = time.perf_counter()
        write_knowledge_base(albums, folder / "names.kb")
        print(f"knowledge base of {N_OTHER_NAMES:,} names: {time.perf_counter() - start:.1f} s")
        steps = [
            ("truncation", truncate, "reviews", "texts", arguments.jobs),
            ("enrichment", enrich, "texts", "enriched", folder / "names.kb", arguments.jobs),
            ("tf-idf", weigh, "enriched", "weights", ReviewVectorizer()),
            ("tf-idf, not enriched", weigh, "texts", "weights", ReviewVectorizer()),
            ("TfidfVectorizer", weigh, "texts", "weights", TfidfVectorizer(max_features=10_000)),
        ]
        lines = {
            name: measure_alone(step, folder / given, folder / answered, *rest)
            for name, step, given, answered, *rest in steps
        }
        texts, enriched = joblib.load(folder / "texts"), joblib.load(folder / "enriched")
        n_chars = sum(map(len, texts))
        n_categories = sum(len(text.split()) for text in enriched) - sum(
            len(text.split()) for text in texts
        )
        print(
            f"{len(texts):,} texts of {n_chars / len(texts):.0f} characters, "
            f"{n_categories / len(texts):.1f} categories a text; {arguments.jobs} worker"
        )
        plain = lines["TfidfVectorizer"][1]
        for name, (seconds, busy, before, peak) in lines.items():
            print(
                f"{name:<22}{seconds:7.1f} s, of the processor {busy:6.1f} s: "
                f"{n_chars / busy / 1e6:5.2f} M characters/s, {busy / plain:5.2f} x "
                f"TfidfVectorizer; {peak:.2f} GB at most, {before:.2f} GB with its input"
            )


if __name__ == "__main__":
    main()
