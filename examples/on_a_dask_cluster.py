"""Extract patches, link entities and search on a dask cluster (extract_link_search.py).

    python examples/on_a_dask_cluster.py

starts two processes on this machine. On your own cluster, start a scheduler and, on every machine,
single-threaded workers (one per core),

    dask scheduler
    dask worker tcp://scheduler:8786 --nworkers auto --nthreads 1

and pass its address, `--scheduler tcp://scheduler:8786`. Every machine needs
``pip install ".[distributed]"`` with the same versions, the files under the same paths (a shared
`--output`), and a local disk for the store of patches: `--cache /var/tmp/patches.sqlite`.
"""

import joblib
from dask.distributed import Client
from extract_link_search import read_options, work


def main(arguments=None):
    """Run the steps on the cluster."""
    options = read_options(__doc__, arguments, scheduler="address; default: start a local cluster")
    # One thread per process: threads of one worker would share settings of torch and numpy.
    cluster = {"address": options.scheduler} if options.scheduler else {"n_workers": 2}
    if not options.scheduler:
        cluster |= {"threads_per_worker": 1, "dashboard_address": None}
    with Client(**cluster), joblib.parallel_config(backend="dask"):
        work(options)


if __name__ == "__main__":
    main()
