"""Count how often patches are computed: every computed patch is put into the store once."""

from skmmgenre.store import Store

KIND = "constant-Q patches"


def count_puts(cache):
    """Count the puts into the store at this path, by any process."""
    with Store(cache) as store, store._connection() as db:
        db.execute("CREATE TABLE puts (key BLOB)")
        db.execute(
            f"CREATE TRIGGER told AFTER INSERT ON entries WHEN new.kind = '{KIND}' "
            "BEGIN INSERT INTO puts VALUES (new.key); END"
        )


def puts_and_patches(cache):
    """Return the number of patches put since `count_puts`, and the number in the store."""
    with Store(cache) as store, store._connection() as db:
        (puts,) = db.execute("SELECT count(*) FROM puts").fetchone()
        return puts, store.info()[KIND][0]
