"""How often patches were computed: whatever is computed is put into the store, once each time."""

from skmmgenre.store import Store

KIND = "constant-Q patches"


def count_puts(cache):
    """Let the store of this path count from now on, whichever process puts something."""
    with Store(cache) as store, store._connection() as db:
        db.execute("CREATE TABLE puts (key BLOB)")
        db.execute(
            f"CREATE TRIGGER told AFTER INSERT ON entries WHEN new.kind = '{KIND}' "
            "BEGIN INSERT INTO puts VALUES (new.key); END"
        )


def puts_and_patches(cache):
    """Number of patches put since `count_puts`, and number of patches in the store."""
    with Store(cache) as store, store._connection() as db:
        (puts,) = db.execute("SELECT count(*) FROM puts").fetchone()
        return puts, store.info()[KIND][0]
