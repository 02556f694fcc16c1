"""Options of an interpreter in which a warning is an error."""

# Where psutil is installed, loky starts another process for one that has grown by importing torch,
# and warns; as an error that ends its thread, and the call it serves would never end.
WARNINGS_ARE_ERRORS = (
    "-W",
    "error::UserWarning",
    "-W",
    "ignore:A worker stopped while some jobs:UserWarning",
)
