"""`python -m skmmgenre`: the command line."""

import sys

from skmmgenre.cli import main

if __name__ == "__main__":
    sys.exit(main())
