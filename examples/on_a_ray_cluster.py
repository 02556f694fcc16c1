"""Extraction, linking and a search on a ray cluster (examples/extract_link_search.py).

    python examples/on_a_ray_cluster.py

starts ray on this machine. For a cluster of your own start ray on every machine,

    ray start --head
    ray start --address head:6379

and run this on the head with `--address auto`. Needs ``pip install "skmmgenre[distributed]"`` of
the same versions on every machine, the files under the same paths on all of them (a shared
`--output`), and the store of patches on a disk that each machine has for itself:
`--cache /var/tmp/patches.sqlite`.
"""

import joblib
import ray
from extract_link_search import read_options, work
from ray.util.joblib import register_ray


def main(arguments=None):
    """Work on the cluster."""
    options = read_options(__doc__, arguments, address="of a cluster; by default one starts here")
    if options.address:
        ray.init(address=options.address)
    else:
        ray.init(num_cpus=2, include_dashboard=False)
    register_ray()
    try:
        # Without n_jobs joblib would start no workers of ray's; -1 is all of the cluster.
        with joblib.parallel_config(backend="ray", n_jobs=-1):
            work(options)
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
