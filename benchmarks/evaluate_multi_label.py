"""The claims of the paper for several genres, tested on synthetic albums (`make evaluate`).

Sound, reviews, covers and their fusions with both targets, as in Table 6, on albums of 40
labels; what the exact posterior reaches stands beside them. Differences come with a paired
95 % interval over artists; a claim holds if its interval excludes 0. Aggregated diversity can
be had cheaply, so it is compared at equal precision too. The conditions and the sizes of the
networks were fixed before the first full run.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from _claims import run_conditions
from _equal_precision import diversity_at_equal_precision
from _patch_reader import PatchReader, keep_patches
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from skmmgenre.audio import AudioCNN
from skmmgenre.compose import GenrePipeline, ablate_modalities
from skmmgenre.datasets import make_albums
from skmmgenre.fusion import FusionClassifier
from skmmgenre.image import ResNetEmbedder
from skmmgenre.labels import PPMILabelFactorizer
from skmmgenre.metrics import bootstrap_interval, ranking_scores, remove_log_prior
from skmmgenre.text import ReviewTruncator, ReviewVectorizer, TextMLP

_KS = (1, 3, 5)
_FIGURES = [
    "macro_auc",
    "macro_average_precision",
    *(f"{figure}@{k}" for figure in ("precision", "diversity") for k in _KS),
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

# Networks at a size for two cores. Filters of the four layers of a 4x96 net.
_FILTERS = {"few": (64, 128, 128, 64), "many": (128, 256, 512, 512)}


def configuration_of(name):
    """Return what a row of the table sees: "A + T cosine" -> "A + T"."""
    return max((some for some in _MODALITIES if name.startswith(some)), key=len)


def audio_network(target, filters):
    """A net of Table 5; dropout only with many filters and cosine, as in section 7.3.1."""
    cnn = AudioCNN(
        architecture="4x96",
        width=_FILTERS[filters],
        target=target,
        dropout=0.5 if (filters, target) == ("many", "cosine") else 0.0,
        max_epochs=25,
        patience=6,
        verbose=1,
    )
    return Pipeline([("read", PatchReader()), ("cnn", cnn)]), "audio"


def text_network(target):
    """The net of section 3.3 with 512 units a layer."""
    mlp = TextMLP(hidden_units=(512, 512), target=target, max_epochs=40, verbose=1)
    steps = [("truncate", ReviewTruncator()), ("tfidf", ReviewVectorizer()), ("mlp", mlp)]
    return Pipeline(steps), "text"


def image_network(target):
    """A small ResNet from random weights."""
    resnet = ResNetEmbedder(
        depth=18,
        weights=None,
        image_size=32,
        target=target,
        lr=1e-3,
        max_epochs=10,
        patience=4,
        verbose=1,
    )
    return resnet, "cover"


def model_of(target, **networks):
    """Networks by name, and a fusion layer with a target of its own."""
    branches = [(name, network, column) for name, (network, column) in networks.items()]
    modalities = ColumnTransformer(branches).set_output(transform="pandas")
    return GenrePipeline([("modalities", modalities), ("fusion", FusionClassifier(target=target))])


def papers_model():
    """The networks whose vectors the paper fuses, whatever the target of the fusion."""
    return model_of(
        "logistic",
        audio=audio_network("cosine", "many"),
        text=text_network("cosine"),
        image=image_network("logistic"),
    )


@dataclass
class Answers:
    """What some models said of the test rows of all runs, and what could be known of them.

    Attributes
    ----------
    albums : Bunch
    rows : DataFrame
        run, row and group of each answer.
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
        kept under which names.
        """
        kept, rows = {}, None
        for model, subsets, names in asked:
            _, told = ablate_modalities(
                model,
                albums.table,
                Y,
                albums.groups,
                subsets=subsets,
                n_runs=arguments.runs,
                test_size=0.2,
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
            arguments.output / f"multi_label_{name}_predictions.npz",
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

    def figures(self, scores):
        """Figures of some scores, the mean over the runs."""
        return self._of_runs(
            lambda rows: ranking_scores(
                self.true.iloc[rows], scores[rows], _KS, references=False
            ).loc["scores", _FIGURES]
        )

    def posterior(self, name):
        """Figures of the exact posterior that sees what a row sees, on the same albums.

        Of AUC, average precision and precision they are ceilings.
        """
        return self._of_runs(
            lambda rows: self.albums.oracle.label_figures(
                _MODALITIES[configuration_of(name)], self.rows["row"].to_numpy()[rows], _KS
            )[_FIGURES]
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
            lines[name] = pd.concat([self.figures(self.scores[name]), posterior])
        name = f"{_ALL} logistic"
        lines[f"{name}, half of log prior removed"] = self.figures(self._less_prior(name))
        lines["true label factors"] = self._of_runs(self._factor_ceiling)
        noise = np.random.default_rng(0).normal(size=self.true.shape)
        lines["random scores"] = self.figures(noise)
        return pd.DataFrame.from_dict(lines, orient="index").rename_axis("model")

    def _factor_ceiling(self, rows):
        Y = self.albums.Y
        test = self.rows["row"].to_numpy()[rows]
        factorizer = PPMILabelFactorizer(n_components="auto").fit(Y.drop(index=Y.index[test]))
        return factorizer.ceiling(Y.iloc[test])[_FIGURES]

    def _less_prior(self, name):
        log_odds, priors = self.scores[name], self.priors()
        corrected = np.empty(log_odds.shape)
        for run, rows in self.rows.groupby("run").indices.items():
            corrected[rows] = remove_log_prior(log_odds[rows], priors[run])
        return corrected

    def differences(self):
        """Cosine less logistic for everything that was run with both, with intervals."""
        lines = []
        for configuration in _MODALITIES:
            names = [f"{configuration} {target}" for target in ("cosine", "logistic")]
            for figure in _FIGURES:
                line = self.gain(*names, figure)
                lines.append({"modalities": configuration, "figure": figure, **line})
        return pd.DataFrame(lines)[["modalities", "figure", "estimate", "low", "high"]]

    def gain(self, name, other, figure="macro_auc"):
        """Difference of two rows in a figure, with its interval."""
        values = [self.figures(self.scores[one])[figure] for one in (name, other)]
        line = {"measured": f"{figure} {values[0]:.3f} ({name}) - {values[1]:.3f} ({other})"}
        if not figure.startswith("diversity"):  # which has no ceiling below 1
            limits = [self.posterior(one)[figure] for one in (name, other)]
            line["ceilings"] = f"{limits[0]:.3f} - {limits[1]:.3f}"
        return line | self._interval(figure, self.scores[name], self.scores[other])._asdict()

    def above_chance(self, name):
        """Macro AUC less 0.5, which is what scores give that know nothing."""
        interval = self._interval("macro_auc", self.scores[name])
        return {
            "measured": f"macro_auc {interval.estimate:.3f} ({name})",
            **{key: value - 0.5 for key, value in interval._asdict().items()},
        }

    def at_equal_precision(self, configuration, k):
        """ADiv@k of cosine less that of logistic without as much prior as precision allows."""
        line = diversity_at_equal_precision(
            self.true.to_numpy(),
            self.scores[f"{configuration} cosine"],
            self.scores[f"{configuration} logistic"],
            self.priors(),
            k=k,
            groups=self.rows["group"],
            runs=self.rows["run"],
        )
        measured = (
            "diversity@{k} {diversity:.3f} - {diversity_other:.3f} at precision {precision:.3f} "
            "and {precision_other:.3f}, share {share:.2f} of the log prior removed"
        ).format(k=k, **line)
        return {"measured": measured, **{key: line[key] for key in ("estimate", "low", "high")}}

    def _interval(self, figure, *scores):
        return bootstrap_interval(
            self.true,
            *scores,
            metric=figure,
            groups=self.rows["group"],
            runs=self.rows["run"],
            n_resamples=1000,
        )


def make(arguments, folder, **data):
    """Albums of 30 genres and their 10 parents, their patches extracted once."""
    albums = make_albums(
        arguments.albums,
        n_genres=30,
        missing=0.1,
        directory=folder,
        random_state=11,
        n_jobs=2,
        verbose=1,
        **data,
    )
    albums.table["audio"] = keep_patches(albums.table["audio"], Path(folder) / "patches")
    return albums


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
    few_and_text = model_of(
        "logistic",
        audio=audio_network("logistic", "many"),
        few=audio_network("logistic", "few"),
        text=text_network("logistic"),
    )
    few_and_image = model_of(
        "cosine", few=audio_network("cosine", "few"), image=image_network("cosine")
    )
    answers = Answers.of(
        albums,
        albums.Y,
        [
            (papers_model(), "paper", papers_rows()),
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
    table.to_csv(arguments.output / "multi_label_figures.csv")
    print(table[_FIGURES].round(3).to_string())
    differences = answers.differences()
    differences.to_csv(arguments.output / "multi_label_cosine_less_logistic.csv", index=False)
    print(differences.round(3).to_string(index=False))
    yield from _claims_of(answers, table)
    shuffled = np.random.default_rng(0).permutation(len(albums.Y))
    Y = albums.Y.iloc[shuffled].reset_index(drop=True)
    yield from _controls("labels shuffled", "labels_shuffled", albums, Y, arguments)


def _claims_of(answers, table):
    for configuration in _MODALITIES:
        # The paper calls the AUC of its fusions similar.
        expected = True if configuration in ("audio", "text") else None
        pair = f"{configuration} cosine", f"{configuration} logistic"
        yield f"AUC, {configuration}: cosine beats logistic", expected, answers.gain(*pair)
    for configuration in ("audio", "text", _ALL):
        for k in _KS:
            pair = f"{configuration} cosine", f"{configuration} logistic"
            line = answers.gain(*pair, f"diversity@{k}")
            yield f"ADiv@{k}, {configuration}: cosine beats logistic", True, line
    for configuration in ("audio", "text", _ALL):
        for k in _KS:
            line = answers.at_equal_precision(configuration, k)
            yield (
                f"ADiv@{k}, {configuration}: cosine beats logistic at equal precision",
                None,
                line,
            )
    few = "audio {}, few filters".format
    yield (
        "AUC, audio: few filters beat many with logistic",
        True,
        answers.gain(few("logistic"), "audio logistic"),
    )
    yield (
        "AUC, audio: many filters beat few with cosine",
        True,
        answers.gain("audio cosine", few("cosine")),
    )
    singles = [
        f"{modality} {target}" for modality in ("audio", "text", "image") for target in _TARGETS
    ]
    best = table.loc[singles, "macro_auc"].idxmax()
    for target in _TARGETS:
        everything = f"{_ALL} {target}"
        yield f"AUC: {everything} beats the best modality", True, answers.gain(everything, best)
        line = answers.gain(everything, f"A + T {target}")
        yield f"AUC: {everything} beats A + T {target}", True, line
    line = answers.gain("A + I logistic", "audio cosine, logistic layer")
    yield "AUC: covers help audio with a logistic layer", True, line
    line = answers.gain("A + I cosine", "audio cosine")
    yield "AUC: covers help audio with a cosine layer", False, line


def _controls(words, name, albums, Y, arguments):
    names = {f"{_ALL} {target}": f"{_ALL} {target}" for target in _TARGETS}
    answers = Answers.of(albums, Y, [(papers_model(), "paper", names)], arguments, name)
    for row in names:
        yield f"control: {words}, {row} above chance", False, answers.above_chance(row)


def genre_strength_0(arguments, folder):
    """No genre in anything: what is known of unseen artists is nothing."""
    # Artists as loud as they can be, so that a leak through the split would be seen.
    albums = make(arguments, folder, genre_strength=0.0, artist_strength=1.0)
    yield from _controls("genre_strength 0", "genre_strength_0", albums, albums.Y, arguments)


def write_markdown(path, output, claims):
    """Write the tables for the documentation."""
    table = pd.read_csv(output / "multi_label_figures.csv", index_col="model")
    short = {"macro_auc": "AUC", "macro_average_precision": "AP"}
    short |= {
        name: name.replace("precision", "P").replace("diversity", "ADiv") for name in _FIGURES[2:]
    }
    parts = [_markdown(_beside_posterior(table).rename(columns=short).reset_index())]
    lines = [
        {
            "claim": line["claim"],
            "measured": line["measured"],
            "ceilings": line["ceilings"],
            "difference": "{estimate:+.3f} [{low:+.3f}, {high:+.3f}]".format(**line),
            "above 0": "yes" if line["above 0"] else "no",
        }
        for line in claims.fillna("").to_dict("records")
    ]
    parts.append(_markdown(pd.DataFrame(lines)))
    Path(path).write_text("\n".join(parts))


def _beside_posterior(table):
    """Figures as text, what the exact posterior reaches behind the slash."""
    text = pd.DataFrame(index=table.index)
    for figure in _FIGURES:
        posterior = table[f"posterior {figure}"]
        text[figure] = [
            f"{value:.3f}" + ("" if np.isnan(limit) else f" / {limit:.3f}")
            for value, limit in zip(table[figure], posterior, strict=True)
        ]
    return text


def _markdown(table):
    rows = [table.columns, ["---"] * table.shape[1], *table.astype(str).to_numpy()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main():
    """Run the conditions and write the tables."""
    arguments, found = run_conditions(
        (claims, genre_strength_0),
        description=__doc__.splitlines()[0],
        table="multi_label_claims.csv",
        add_arguments=lambda parser: parser.add_argument(
            "--markdown", help="a file for the tables as the documentation shows them"
        ),
    )
    if arguments.markdown is not None:
        write_markdown(arguments.markdown, arguments.output, found)


if __name__ == "__main__":
    main()
