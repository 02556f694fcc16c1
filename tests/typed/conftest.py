"""The files that are checked but not run."""

collect_ignore = ["mistakes.py", "user_script.py"]
