"""A service over HTTP that tells the genres of music by a model file.

    pip install "skmmgenre[serve]"
    python examples/serve_genres.py genres.skmmgenre --port 8000

    curl -F audio=@song.mp3 -F cover=@cover.jpg -F "text=Slow and blue." localhost:8000/genres
    curl localhost:8000/model
    curl localhost:8000/health

An item is sound, text and cover, or any of them, under the names of the model's columns ("takes" of
/model). Items that arrive together are answered together:
a network takes a batch in little more time than one item. What cannot be decoded counts as missing
and is listed in "set_aside". An item of which nothing can be used gets no genre.
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
from skmmgenre.audio import CQTExtractor, TimbreStatistics
from skmmgenre.image import ResNetEmbedder
from skmmgenre.text import EntityEnricher, ReviewTruncator, ReviewVectorizer

# By the first step of a branch. A sound or a cover is a path to the model: none may come from a
# client, only files that are written here.
FIRST_STEPS = {
    "audio": (CQTExtractor, TimbreStatistics),
    "image": (ResNetEmbedder,),
    "text": (ReviewTruncator, EntityEnricher, ReviewVectorizer),
}


def main(argv=None):
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="a file of skmmgenre train, or of skmmgenre.save")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--threads", type=int, default=1, help="of the networks; default: 1")
    parser.add_argument("--batch", type=int, default=16, help="items at most; default: 16")
    parser.add_argument("--wait", type=float, default=0.02, help="seconds for others to arrive")
    parser.add_argument("--max-mb", type=int, default=50, help="of a request; default: 50")
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    app = make_app(
        options.model, batch=options.batch, wait=options.wait, max_bytes=options.max_mb * 10**6
    )
    uvicorn.run(app, host=options.host, port=options.port, log_level="warning")


def make_app(path, *, batch=16, wait=0.02, max_bytes=50_000_000):
    """The service of a model file, which is opened without running code from it."""
    # What cannot be decoded is missing, however the model was trained.
    model = skmmgenre.load(path, params={"on_error": "missing"})
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
        # Refused before it is read; what goes on beyond its declared length, uvicorn cuts off.
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            raise HTTPException(411, "Send the length of the request.")
        if int(length) > max_bytes:
            raise HTTPException(413, f"At most {max_bytes:,} bytes are taken.")
        with tempfile.TemporaryDirectory() as folder:
            async with request.form(max_files=2, max_fields=1) as form:
                item = await asyncio.to_thread(read_item, form, columns, Path(folder))
            try:
                return JSONResponse(await batches.answer(item))
            except asyncio.QueueFull:
                raise HTTPException(503, "Too much to do.", {"Retry-After": "1"}) from None

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
    """The modality of each column; a model that takes something else is refused."""
    columns = {}
    for branch, column in branches(model):
        part = getattr(branch, "estimator", branch)  # of MeanOverTracks
        first = part.steps[0][1] if isinstance(part, Pipeline) else part
        modality = next((m for m, kinds in FIRST_STEPS.items() if isinstance(first, kinds)), None)
        if modality is None or not isinstance(column, str):
            raise ValueError(
                f"The model's column {column!r} goes to {type(first).__name__}, and nothing says "
                "what a client may send for it. The service takes models whose columns are of "
                "sound, text and cover, as make_genre_classifier makes them."
            )
        if column in columns or modality in columns.values():
            raise ValueError(
                f"The model takes {column!r}, of modality {modality}, beside {columns}. The "
                "service takes models with one column of each modality."
            )
        columns[column] = modality
    return columns


def read_item(form, columns, folder):
    """One row of the model's table; files go into a folder, under names of our own."""
    strange = sorted(set(form) - set(columns))
    if strange:
        raise HTTPException(400, f"The model takes {sorted(columns)}, not {strange[0]!r}.")
    if len(form.multi_items()) != len(form):
        raise HTTPException(400, "Something is given twice.")
    item = dict.fromkeys(columns)
    for name, value in form.items():
        is_text = columns[name] == "text"
        if isinstance(value, UploadFile) == is_text:
            raise HTTPException(400, f"{name} is to be a {'text' if is_text else 'file'}.")
        if is_text:
            item[name] = value
            continue
        # The name has a part in which seconds of a track are heard: one name, one answer.
        item[name] = str(folder / columns[name])
        with open(item[name], "wb") as file:
            shutil.copyfileobj(value.file, file)
    if not any(item.values()):
        raise HTTPException(400, f"There is nothing in it. Send one of {sorted(columns)}.")
    return item


class Batches:
    """Answers items that arrive within a moment by one call of the model."""

    def __init__(self, model, *, batch, wait):
        self._model = model
        self._batch = batch
        self._wait = wait
        self._waiting = asyncio.Queue(maxsize=8 * batch)

    async def answer(self, item):
        """Wait for the answer to an item; QueueFull if too many wait."""
        answered = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((item, answered))
        return await answered

    async def work(self):
        """Answer what arrives, until cancelled."""
        while True:
            together = [await self._waiting.get()]
            with suppress(TimeoutError):
                async with asyncio.timeout(self._wait):
                    while len(together) < self._batch:
                        together.append(await self._waiting.get())
            items, waiting = zip(*together, strict=True)
            answers = await asyncio.to_thread(self._outcomes, items)
            for future, answer in zip(waiting, answers, strict=True):
                if future.cancelled():  # the client has gone
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    def _outcomes(self, items):
        """The answer to each item, or its error: whatever it is, none must wait for ever."""
        try:
            return self._answers(items)
        except Exception as error:
            if len(items) == 1:
                return [error]
        # One item may have ended the work on all of them.
        return [outcome for item in items for outcome in self._outcomes([item])]

    def _answers(self, items):
        table = pd.DataFrame(list(items), dtype=object)
        front, rest = self._model[:1], self._model[1:]
        vectors = np.asarray(front.transform(table), dtype=float)
        score = rest.predict_proba if hasattr(rest, "predict_proba") else rest.decision_function
        scores, predicted = score(vectors), rest.predict(vectors)
        genres, several = self._model.classes_.tolist(), predicted.ndim == 2
        # What the model would guess of anything is no prediction for an item without content.
        empty = (np.isnan(vectors) | (vectors == 0)).all(axis=1)
        answers = []
        for row in range(len(items)):
            answer = {"genres": [], "scores": {}, "set_aside": {}}
            answers.append(answer)
            if empty[row]:
                continue
            chosen = predicted[row].nonzero()[0] if several else []
            answer["genres"] = [genres[k] for k in chosen] if several else [str(predicted[row])]
            answer["scores"] = dict(zip(genres, scores[row].tolist(), strict=True))
        for column, row, reason in set_aside(self._model):
            answers[row]["set_aside"][column] = reason
        return answers


def branches(model):
    """Fitted branch and column of each modality."""
    for _, branch, column in model.named_steps["modalities"].transformers_:
        if not isinstance(branch, str):  # "drop", for the columns that no branch takes
            yield branch, column


def set_aside(model):
    """Column, row and reason of what the last call could not use."""
    columns = {name: column for name, _, column in model.named_steps["modalities"].transformers_}
    for line in model.errors_.to_dict("records"):
        yield columns[line["modality"]], line["row"], line["reason"]


if __name__ == "__main__":
    main()
