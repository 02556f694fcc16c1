"""Extraction, linking and a search on a dask cluster (examples/extract_link_search.py).

    python examples/on_a_dask_cluster.py

starts two processes on this machine. For a cluster of your own start a scheduler and, on every
machine, workers of one thread (one a core),

    dask scheduler
    dask worker tcp://scheduler:8786 --nworkers auto --nthreads 1

and give its address, `--scheduler tcp://scheduler:8786`. Needs
``pip install "skmmgenre[distributed]"`` of the same versions on every machine, the files under the
same paths on all of them (a shared `--output`), and the store of patches on a disk that each
machine has for itself: `--cache /var/tmp/patches.sqlite`.
"""

import joblib
from dask.distributed import Client
from extract_link_search import read_options, work


def main(arguments=None):
    """Work on the cluster."""
    options = read_options(__doc__, arguments, scheduler="address; by default one is started here")
    # One thread a process: torch, numpy and our loops would share it among threads.
    cluster = {"address": options.scheduler} if options.scheduler else {"n_workers": 2}
    if not options.scheduler:
        cluster |= {"threads_per_worker": 1, "dashboard_address": None}
    with Client(**cluster), joblib.parallel_config(backend="dask"):
        work(options)


if __name__ == "__main__":
    main()
