"""Processes without the rights of the superuser."""

import ctypes
import os
import sys


def obey_rights():
    """Take from a process of the superuser the right to read and write what it may not."""
    if os.geteuid() == 0 and sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
