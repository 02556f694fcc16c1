"""HTTP service that predicts the genres of music with a model file.

    pip install ".[cli,serve]"
    python examples/serve_genres.py genres.skmmgenre --port 8000

    curl -F audio=@song.mp3 -F cover=@cover.jpg -F "text=Slow and blue." localhost:8000/genres
    curl localhost:8000/model
    curl localhost:8000/health

An item consists of audio, text and cover, or any subset of them, in fields named after the columns
of the model ("takes" in the response of /model). Items that arrive at about the same time are
predicted in one batch, which takes a network little more time than one item. Input that cannot be
decoded counts as missing and is listed in "skipped". An item without usable content gets no genre.
"""

import argparse
import asyncio
import shutil
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import uvicorn
from sklearn.pipeline import Pipeline
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

import skmmgenre
from skmmgenre.audio import AudioEmbedder, AudioStatistics, CQTExtractor, TimbreStatistics
from skmmgenre.image import ColorStatistics, ImageEmbedder, ResNetEmbedder
from skmmgenre.text import EntityEnricher, ReviewTruncator, ReviewVectorizer, TextEmbedder

# The modality of a branch is known by its first step. Audio and covers reach the model as paths:
# these are always files that the service has written, never paths sent by a client.
FIRST_STEPS = {
    "audio": (AudioEmbedder, AudioStatistics, CQTExtractor, TimbreStatistics),
    "image": (ColorStatistics, ImageEmbedder, ResNetEmbedder),
    "text": (ReviewTruncator, EntityEnricher, ReviewVectorizer, TextEmbedder),
}


def main(argv=None):
    """Run the service until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="file written by skmmgenre.save or skmmgenre train")
    parser.add_argument(
        "--host", default="127.0.0.1", help="0.0.0.0 accepts requests from other machines"
    )
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--threads", type=int, default=1, help="threads of the networks; default: 1"
    )
    parser.add_argument("--batch", type=int, default=16, help="largest batch; default: 16")
    parser.add_argument(
        "--wait",
        type=float,
        default=0.02,
        help="seconds to wait for a batch to fill; default: 0.02",
    )
    parser.add_argument(
        "--max-mb", type=int, default=50, help="largest request, in MB; default: 50"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="parameter that the file does not contain: TextEmbedder.model=FOLDER",
    )
    options = parser.parse_args(argv)
    if not all("=" in pair for pair in options.set):
        parser.error("--set takes NAME=VALUE")
    torch.set_num_threads(options.threads)
    app = make_app(
        options.model,
        params=dict(pair.split("=", 1) for pair in options.set),
        batch=options.batch,
        wait=options.wait,
        max_bytes=options.max_mb * 10**6,
    )
    uvicorn.run(app, host=options.host, port=options.port, log_level="warning")


def make_app(path, *, params=None, batch=16, wait=0.02, max_bytes=50_000_000):
    """Return the application for a model file, which is loaded without running code from it."""
    # Input that cannot be decoded counts as missing, whatever on_error was in training.
    model = skmmgenre.load(path, params={"on_error": "missing", **(params or {})})
    info, columns = skmmgenre.model_info(path), modalities_by_column(model)
    batches = Batches(model, batch=batch, wait=wait)

    @asynccontextmanager
    async def lifespan(app):
        working = asyncio.create_task(batches.work())
        yield
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working

    async def health(request):
        return JSONResponse({"status": "ok"})

    async def describe(request):
        return JSONResponse({"takes": sorted(columns), **info})

    async def genres(request):
        # Check the declared length before reading; uvicorn cuts off what exceeds it.
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            raise HTTPException(411, "The request needs a Content-Length header.")
        if int(length) > max_bytes:
            raise HTTPException(413, f"The request is larger than {max_bytes:,} bytes.")
        with tempfile.TemporaryDirectory() as folder:
            async with request.form(max_files=2, max_fields=1) as form:
                item = await asyncio.to_thread(read_item, form, columns, Path(folder))
            try:
                return JSONResponse(await batches.answer(item))
            except asyncio.QueueFull:
                raise HTTPException(
                    503, "The queue is full. Try again later.", {"Retry-After": "1"}
                ) from None

    async def refuse(request, error):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/model", describe),
            Route("/genres", genres, methods=["POST"]),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: refuse},
    )


def modalities_by_column(model):
    """Return the modality of each column; raise ValueError for other kinds of models."""
    columns = {}
    for branch, column in branches(model):
        part = getattr(branch, "estimator", branch)  # of MeanOverTracks
        first = part.steps[0][1] if isinstance(part, Pipeline) else part
        modality = next((m for m, kinds in FIRST_STEPS.items() if isinstance(first, kinds)), None)
        if modality is None or not isinstance(column, str):
            raise ValueError(
                f"The column {column!r} of the model goes to {type(first).__name__}, so it is "
                "unknown what a client may send for it. The service supports models with columns "
                "of audio, text and covers, such as those of make_genre_classifier."
            )
        if column in columns or modality in columns.values():
            raise ValueError(
                f"The column {column!r} ({modality}) duplicates one of {columns}. The service "
                "supports models with one column per modality."
            )
        columns[column] = modality
    return columns


def read_item(form, columns, folder):
    """Return one row of the model's table; write uploads to a folder under our own names."""
    strange = sorted(set(form) - set(columns))
    if strange:
        raise HTTPException(400, f"Unknown field {strange[0]!r}. Fields are {sorted(columns)}.")
    if len(form.multi_items()) != len(form):
        raise HTTPException(400, "A field was sent twice.")
    item = dict.fromkeys(columns)
    for name, value in form.items():
        is_text = columns[name] == "text"
        if isinstance(value, UploadFile) == is_text:
            raise HTTPException(400, f"{name} must be a {'text' if is_text else 'file'}.")
        if is_text:
            item[name] = value
            continue
        # The part of a clip that is read depends on the file name: the same name for every upload.
        item[name] = str(folder / columns[name])
        with open(item[name], "wb") as file:
            shutil.copyfileobj(value.file, file)
    if not any(item.values()):
        raise HTTPException(400, f"The request is empty. Send at least one of {sorted(columns)}.")
    return item


class Batches:
    """Batches of items that arrive at about the same time, each predicted in one call."""

    def __init__(self, model, *, batch, wait):
        self._model = model
        self._batch = batch
        self._wait = wait
        self._waiting = asyncio.Queue(maxsize=8 * batch)

    async def answer(self, item):
        """Return the prediction for an item; raise QueueFull if too many items wait."""
        answered = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((item, answered))
        return await answered

    async def work(self):
        """Predict the items that arrive, until cancelled."""
        while True:
            together = [await self._waiting.get()]
            with suppress(TimeoutError):
                async with asyncio.timeout(self._wait):
                    while len(together) < self._batch:
                        together.append(await self._waiting.get())
            items, waiting = zip(*together, strict=True)
            answers = await asyncio.to_thread(self._outcomes, items)
            for future, answer in zip(waiting, answers, strict=True):
                if future.cancelled():  # the client has disconnected
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    def _outcomes(self, items):
        """Return the prediction or the error of each item, so that no client waits forever."""
        try:
            return self._answers(items)
        except Exception as error:
            if len(items) == 1:
                return [error]
        # One item may have made the whole batch fail: predict each one separately.
        return [outcome for item in items for outcome in self._outcomes([item])]

    def _answers(self, items):
        table = pd.DataFrame(list(items), dtype=object)
        front, rest = self._model[:1], self._model[1:]
        vectors = np.asarray(front.transform(table), dtype=float)
        score = rest.predict_proba if hasattr(rest, "predict_proba") else rest.decision_function
        scores, predicted = score(vectors), rest.predict(vectors)
        genres, several = self._model.classes_.tolist(), predicted.ndim == 2
        # For an item without content the model would return the same guess every time: drop it.
        empty = (np.isnan(vectors) | (vectors == 0)).all(axis=1)
        answers = []
        for row in range(len(items)):
            answer = {"genres": [], "scores": {}, "skipped": {}}
            answers.append(answer)
            if empty[row]:
                continue
            chosen = predicted[row].nonzero()[0] if several else []
            answer["genres"] = [genres[k] for k in chosen] if several else [str(predicted[row])]
            answer["scores"] = dict(zip(genres, scores[row].tolist(), strict=True))
        for column, row, reason in skipped(self._model):
            answers[row]["skipped"][column] = reason
        return answers


def branches(model):
    """Yield the fitted branch and the column of each modality."""
    for _, branch, column in model.named_steps["modalities"].transformers_:
        if not isinstance(branch, str):  # "drop", for columns without a branch
            yield branch, column


def skipped(model):
    """Yield column, row and reason of each input that the last call skipped."""
    columns = {name: column for name, _, column in model.named_steps["modalities"].transformers_}
    for line in model.errors_.to_dict("records"):
        yield columns[line["modality"]], line["row"], line["reason"]


if __name__ == "__main__":
    main()
