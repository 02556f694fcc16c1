"""Tables and columns of other libraries, made of those of pandas."""

import pandas as pd
import pytest


def of_pyarrow(table):
    return pytest.importorskip("pyarrow").Table.from_pandas(table, preserve_index=False)


def batch_of_pyarrow(table):
    return pytest.importorskip("pyarrow").RecordBatch.from_pandas(table, preserve_index=False)


def of_polars(table):
    return pytest.importorskip("polars").from_pandas(table)


def of_arrow_types(table):
    return of_pyarrow(table).to_pandas(types_mapper=pd.ArrowDtype)


OTHER_LIBRARIES = [of_pyarrow, batch_of_pyarrow, of_polars]
EVERY_KIND = [*OTHER_LIBRARIES, of_arrow_types]
