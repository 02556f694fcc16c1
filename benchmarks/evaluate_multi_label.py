"""The multilabel claims of the paper, tested on synthetic albums (`make evaluate`).

Sound, reviews, covers and their fusions with both targets, as in Table 6, on albums of 40
labels. They are compared with the exact posterior and with a plain control (logistic regression on
statistics of the audio, word weights and colours). Intervals are paired, 95 %, over artists and
seeds. Those of aggregated diversity use half of the artists, drawn without replacement, because
with replacement fewer different albums have fewer labels. Diversity is easy to gain, so it is
also compared at equal precision. The networks have a size for two cores.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from _claims import CLAIM, MUST_VANISH, compare, run_conditions
from _equal_precision import diversity_at_equal_precision
from _results import verdict
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from skmmgenre.audio import AudioCNN, CQTExtractor
from skmmgenre.compose import GenrePipeline, ablate_modalities
from skmmgenre.datasets import make_albums
from skmmgenre.fusion import FusionClassifier
from skmmgenre.image import ResNetEmbedder
from skmmgenre.labels import PPMILabelFactorizer
from skmmgenre.metrics import ranking_scores, remove_log_prior
from skmmgenre.text import ReviewTruncator, ReviewVectorizer, TextMLP

_KS = (1, 3, 5)
_METRICS = [
    "macro_auc",
    "macro_average_precision",
    *(f"{metric}@{k}" for metric in ("precision", "diversity") for k in _KS),
]
# What a row of the table sees; names of rows begin with these.
_MODALITIES = {
    "audio": ("audio",),
    "text": ("text",),
    "image": ("cover",),
    "A + T": ("audio", "text"),
    "A + I": ("audio", "cover"),
    "T + I": ("text", "cover"),
    "A + T + I": ("audio", "text", "cover"),
}
_ALL = "A + T + I"
_TARGETS = ("logistic", "cosine")

# Rows of the plain control, by our names.
_PLAIN = {
    f"plain {' + '.join(blocks)}": f"{configuration} plain"
    for configuration, blocks in {
        "audio": ["audio"],
        "text": ["text"],
        "image": ["image"],
        "A + T": ["audio", "text"],
        "A + I": ["audio", "image"],
        "T + I": ["text", "image"],
        "A + T + I": ["audio", "text", "image"],
    }.items()
}
_PLAIN |= {
    f"{name}, concatenated": f"{row}, concatenated" for name, row in _PLAIN.items() if "+" in row
}
# Networks at a size for two cores. Filters of the four layers of a 4x96 net.
_FILTERS = {"few": (64, 128, 128, 64), "many": (128, 256, 512, 512)}
_AUDIO = {"preset": "paper", "architecture": "4x96", "max_epochs": 25, "patience": 6}
_TEXT = {"preset": "paper", "hidden_units": (512, 512), "max_epochs": 40}
_IMAGE = {
    "preset": "paper",
    "depth": 18,
    "weights": None,
    "image_size": 32,
    "lr": 1e-3,
    "max_epochs": 10,
    "patience": 4,
}
_ALBUMS = {"n_genres": 30, "missing": 0.1}
SETTINGS = {
    "filters": _FILTERS,
    "audio": _AUDIO,
    "text": _TEXT,
    "image": _IMAGE,
    "data": _ALBUMS,
    "test_size": 0.2,
}
CODE = [
    "benchmarks/evaluate_multi_label.py",
    "benchmarks/_equal_precision.py",
    "skmmgenre/datasets/_synthetic",
]


def configuration_of(name):
    """Return what a row of the table sees: "A + T cosine" -> "A + T"."""
    return max((some for some in _MODALITIES if name.startswith(some)), key=len)


def audio_network(target, filters, store):
    """A net of Table 5; dropout only with many filters and cosine, as in section 7.3.1."""
    cnn = AudioCNN(
        width=_FILTERS[filters],
        target=target,
        dropout=0.5 if (filters, target) == ("many", "cosine") else 0.0,
        verbose=1,
        **_AUDIO,
    )
    cqt = CQTExtractor(cache=store, n_jobs=2, verbose=1)
    return Pipeline([("cqt", cqt), ("cnn", cnn)]), "audio"


def text_network(target):
    """The net of section 3.3 with fewer units a layer."""
    mlp = TextMLP(target=target, verbose=1, **_TEXT)
    steps = [("truncate", ReviewTruncator()), ("tfidf", ReviewVectorizer()), ("mlp", mlp)]
    return Pipeline(steps), "text"


def image_network(target):
    """A small ResNet from random weights."""
    return ResNetEmbedder(target=target, verbose=1, **_IMAGE), "cover"


def model_of(target, **networks):
    """Networks by name, and a fusion layer with a target of its own."""
    branches = [(name, network, column) for name, (network, column) in networks.items()]
    modalities = ColumnTransformer(branches).set_output(transform="pandas")
    fusion = FusionClassifier(target=target, preset="paper")
    return GenrePipeline([("modalities", modalities), ("fusion", fusion)])


def papers_model(store):
    """The networks whose vectors the paper fuses, whatever the target of the fusion."""
    return model_of(
        "logistic",
        audio=audio_network("cosine", "many", store),
        text=text_network("cosine"),
        image=image_network("logistic"),
    )


@dataclass
class Answers:
    """Predictions of models for the test rows of all runs, and the exact posterior.

    Attributes
    ----------
    albums : Bunch
    rows : DataFrame
        run, row and group of each prediction.
    true : DataFrame of 0 and 1
    scores : dict of str to ndarray
        By the name of a row of the table.
    """

    albums: object
    rows: pd.DataFrame
    true: pd.DataFrame
    scores: dict

    @classmethod
    def of(cls, albums, Y, asked, arguments, name):
        """Train models and keep what they answer, in a file too.

        `asked` holds a model, its subsets for `ablate_modalities`, and which of its rows are
        kept under which names; the plain control is run where one of them is.
        """
        kept, rows = {}, None
        for model, subsets, names in asked:
            plain = any(old.startswith("plain ") for old in names)
            _, told = ablate_modalities(
                model,
                albums.table,
                Y,
                albums.groups,
                subsets=subsets,
                n_runs=arguments.runs,
                controls=["plain"] if plain else [],
                test_size=SETTINGS["test_size"],
                n_jobs=arguments.runs,  # a run is one process with one thread
                n_resamples=1,
                return_predictions=True,
            )
            # The seed tells the split, so all models answer the same rows.
            assert rows is None or rows.equals(told.rows)
            rows = told.rows
            kept |= {new: told.scores[old].astype(np.float32) for old, new in names.items()}
        answers = cls(albums, rows, told.true, kept)
        np.savez_compressed(
            arguments.predictions / f"multi_label_{name}.npz",
            run=rows["run"],
            row=rows["row"],
            artist=rows["group"].astype(str),
            label=np.array(told.true.columns, dtype=str),
            true=told.true.to_numpy(dtype=np.int8),
            **kept,
        )
        return answers

    def _of_runs(self, function):
        """Mean over the runs of what a function of their rows answers."""
        positions = self.rows.groupby("run").indices.values()
        return pd.concat([function(some) for some in positions], axis=1).mean(axis=1)

    def metrics(self, scores):
        """Return metrics of some scores, averaged over the runs."""
        return self._of_runs(
            lambda rows: ranking_scores(
                self.true.iloc[rows], scores[rows], _KS, references=False
            ).loc["scores", _METRICS]
        )

    def posterior(self, name):
        """Return metrics of the exact posterior with the input of a row, on the same albums.

        Of AUC, average precision and precision they are ceilings.
        """
        return self._of_runs(
            lambda rows: self.albums.oracle.label_metrics(
                _MODALITIES[configuration_of(name)], self.rows["row"].to_numpy()[rows], _KS
            )[_METRICS]
        )

    def priors(self):
        """Share of the training albums that have each label, by run."""
        Y = self.albums.Y.to_numpy()
        return {
            run: np.delete(Y, part["row"], axis=0).mean(axis=0)
            for run, part in self.rows.groupby("run")
        }

    def table(self):
        """A line a row, what the posterior reaches behind it, and rows to compare with."""
        lines = {}
        order = list(_MODALITIES)
        for name in sorted(
            self.scores, key=lambda name: (order.index(configuration_of(name)), name)
        ):
            posterior = self.posterior(name).add_prefix("posterior ")
            lines[name] = pd.concat([self.metrics(self.scores[name]), posterior])
        name = f"{_ALL} logistic"
        lines[f"{name}, half of log prior removed"] = self.metrics(self._less_prior(name))
        lines["true label factors"] = self._of_runs(self._factor_ceiling)
        noise = np.random.default_rng(0).normal(size=self.true.shape)
        lines["random scores"] = self.metrics(noise)
        return pd.DataFrame.from_dict(lines, orient="index").rename_axis("model")

    def _factor_ceiling(self, rows):
        Y = self.albums.Y
        test = self.rows["row"].to_numpy()[rows]
        factorizer = PPMILabelFactorizer(n_components="auto").fit(Y.drop(index=Y.index[test]))
        return factorizer.ceiling(Y.iloc[test])[_METRICS]

    def _less_prior(self, name):
        log_odds, priors = self.scores[name], self.priors()
        corrected = np.empty(log_odds.shape)
        for run, rows in self.rows.groupby("run").indices.items():
            corrected[rows] = remove_log_prior(log_odds[rows], priors[run])
        return corrected

    def differences(self):
        """Return cosine minus logistic for everything that was run with both."""
        return pd.DataFrame(
            self._difference(configuration, metric, "cosine", "logistic")
            for configuration in _MODALITIES
            for metric in _METRICS
        )

    def beside_plain(self):
        """Return each target minus the plain control of the same modalities."""
        return pd.DataFrame(
            self._difference(configuration, metric, target, plain)
            for configuration in _MODALITIES
            for plain in ("plain", "plain, concatenated")
            if f"{configuration} {plain}" in self.scores
            for target in _TARGETS
            for metric in ("macro_auc", "macro_average_precision")
        )

    def _difference(self, configuration, metric, target, other):
        line = self.gain(*(f"{configuration} {one}" for one in (target, other)), metric)
        margin = {} if not metric.startswith("diversity") else {"margin": None}
        kept = {key: line[key] for key in ("value", "other_value", "estimate", "low", "high")}
        named = {"modalities": configuration, "metric": metric, "target": target, "other": other}
        return {**named, **kept, "verdict": verdict(line["low"], line["high"], **margin)}

    def gain(self, name, other, metric="macro_auc"):
        """Difference of two rows in a metric, and what the posterior reaches for both."""
        line = {"metric": metric}
        for key, row in (("", name), ("other_", other)):
            line[f"{key}model"] = row
            line[f"{key}value"] = self.metrics(self.scores[row])[metric]
            if not metric.startswith("diversity"):  # which has no ceiling below 1
                line[f"{key}ceiling"] = self.posterior(row)[metric]
        return line | self._compare(metric, self.scores[name], self.scores[other])

    def above_chance(self, name):
        """Macro AUC less 0.5, which is what scores give that know nothing."""
        compared = self._compare("macro_auc", self.scores[name], chance=0.5)
        value = compared["estimate"] + 0.5
        return {"metric": "macro_auc", "model": name, "value": value, **compared}

    def at_equal_precision(self, configuration, k):
        """ADiv@k of cosine less that of logistic without as much prior as precision allows."""
        return diversity_at_equal_precision(
            self.true.to_numpy(),
            self.scores[f"{configuration} cosine"],
            self.scores[f"{configuration} logistic"],
            self.priors(),
            k=k,
            groups=self.rows["group"],
            runs=self.rows["run"],
        )

    def _compare(self, metric, *scores, chance=0.0):
        return compare(
            self.true,
            *scores,
            metric=metric,
            chance=chance,
            groups=self.rows["group"],
            runs=self.rows["run"],
            seeds=self.rows["run"],
            replace=not metric.startswith("diversity"),
            n_resamples=1000,
        )


def make(arguments, folder, **data):
    """Albums of 30 genres and their 10 parents."""
    return make_albums(
        arguments.albums, directory=folder, random_state=11, n_jobs=2, verbose=1, **_ALBUMS, **data
    )


def papers_rows():
    """The rows of Table 6 that one training of the paper's networks gives, by our names."""
    names = {
        f"{fusion} {target}": f"{fusion} {target}"
        for fusion in list(_MODALITIES)[3:]
        for target in _TARGETS
    }
    return names | {
        "A cosine": "audio cosine",
        "A logistic": "audio cosine, logistic layer",
        "T cosine": "text cosine",
        "I logistic": "image logistic",
    }


def claims(arguments, folder):
    """The paper's claims, and what must vanish where labels are shuffled."""
    albums = make(arguments, folder)
    store = Path(folder) / "patches"
    few_and_text = model_of(
        "logistic",
        audio=audio_network("logistic", "many", store),
        few=audio_network("logistic", "few", store),
        text=text_network("logistic"),
    )
    few_and_image = model_of(
        "cosine", few=audio_network("cosine", "few", store), image=image_network("cosine")
    )
    answers = Answers.of(
        albums,
        albums.Y,
        [
            (papers_model(store), "paper", papers_rows() | _PLAIN),
            (
                few_and_text,
                ["audio", "few", "text"],
                {
                    "audio": "audio logistic",
                    "few": "audio logistic, few filters",
                    "text": "text logistic",
                },
            ),
            (
                few_and_image,
                ["few", "image"],
                {"few": "audio cosine, few filters", "image": "image cosine"},
            ),
        ],
        arguments,
        "claims",
    )
    table = answers.table()
    arguments.write(table.reset_index(), "multi_label_metrics")
    print(table[_METRICS].round(3).to_string())
    for frame, name in (
        (answers.differences(), "multi_label_cosine_less_logistic"),
        (answers.beside_plain(), "multi_label_beside_plain"),
        (equal_precision(answers), "multi_label_equal_precision"),
    ):
        arguments.write(frame, name)
        print(frame.round(3).to_string(index=False))
    yield from _claims_of(answers, table)
    shuffled = np.random.default_rng(0).permutation(len(albums.Y))
    Y = albums.Y.iloc[shuffled].reset_index(drop=True)
    yield from _controls("labels shuffled", "labels_shuffled", albums, Y, arguments, store)


def equal_precision(answers):
    """Diversity of cosine and of logistic at the precision of cosine."""
    lines = []
    for configuration in ("audio", "text", _ALL):
        for k in _KS:
            line = answers.at_equal_precision(configuration, k)
            said = verdict(line["low"], line["high"], margin=None)
            lines.append({"modalities": configuration, "k": k, **line, "verdict": said})
    return pd.DataFrame(lines)


def _claims_of(answers, table):
    gain = answers.gain
    for configuration in _MODALITIES:
        pair = f"{configuration} cosine", f"{configuration} logistic"
        yield f"AUC, {configuration}: cosine beats logistic", CLAIM, gain(*pair)
    for configuration in ("audio", "text", _ALL):
        for k in _KS:
            pair = f"{configuration} cosine", f"{configuration} logistic"
            line = gain(*pair, f"diversity@{k}")
            yield f"ADiv@{k}, {configuration}: cosine beats logistic", CLAIM, line
    few = "audio {}, few filters".format
    line = gain(few("logistic"), "audio logistic")
    yield "AUC, audio: few filters beat many with logistic", CLAIM, line
    line = gain("audio cosine", few("cosine"))
    yield "AUC, audio: many filters beat few with cosine", CLAIM, line
    singles = [
        f"{modality} {target}" for modality in ("audio", "text", "image") for target in _TARGETS
    ]
    best = table.loc[singles, "macro_auc"].idxmax()
    for target in _TARGETS:
        everything = f"{_ALL} {target}"
        yield f"AUC: {everything} beats the best modality", CLAIM, gain(everything, best)
        yield f"AUC: {everything} beats A + T {target}", CLAIM, gain(everything, f"A + T {target}")
        yield f"AUC: {everything} beats plain", CLAIM, gain(everything, f"{_ALL} plain")
    line = gain("A + I logistic", "audio cosine, logistic layer")
    yield "AUC: covers help audio with a logistic layer", CLAIM, line
    yield "AUC: covers help audio with a cosine layer", CLAIM, gain("A + I cosine", "audio cosine")


def _controls(words, name, albums, Y, arguments, store):
    names = {f"{_ALL} {target}": f"{_ALL} {target}" for target in _TARGETS}
    names |= {old: new for old, new in _PLAIN.items() if new == f"{_ALL} plain"}
    answers = Answers.of(albums, Y, [(papers_model(store), "paper", names)], arguments, name)
    for row in names.values():
        yield f"{words}, {row}: above chance", MUST_VANISH, answers.above_chance(row)


def genre_strength_0(arguments, folder):
    """Yield the control without any genre signal: unseen artists cannot be predicted."""
    # Artists as loud as they can be, so that a leak through the split would be seen.
    albums = make(arguments, folder, genre_strength=0.0, artist_strength=1.0)
    store = Path(folder) / "patches"
    yield from _controls("genre strength 0", "genre_strength_0", albums, albums.Y, arguments, store)


def main():
    """Run the conditions and write the tables."""
    run_conditions(
        (claims, genre_strength_0),
        name="multi_label",
        description=__doc__.splitlines()[0],
        code=CODE,
        settings=SETTINGS,
    )


if __name__ == "__main__":
    main()
