"""Extract patches, link entities and search on a ray cluster (extract_link_search.py).

    python examples/on_a_ray_cluster.py

starts ray on this machine. On your own cluster, start ray on every machine,

    ray start --head
    ray start --address head:6379

and run this script on the head with `--address auto`. Every machine needs
``pip install ".[distributed]"`` with the same versions, the files under the same paths (a shared
`--output`), and a local disk for the store of patches: `--cache /var/tmp/patches.sqlite`.
"""

import joblib
import ray
from extract_link_search import read_options, work
from ray.util.joblib import register_ray


def main(arguments=None):
    """Run the steps on the cluster."""
    options = read_options(__doc__, arguments, address="address; default: start ray here")
    if options.address:
        ray.init(address=options.address)
    else:
        ray.init(num_cpus=2, include_dashboard=False)
    register_ray()
    try:
        # joblib starts ray workers only if n_jobs is given; -1 uses the whole cluster.
        with joblib.parallel_config(backend="ray", n_jobs=-1):
            work(options)
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
