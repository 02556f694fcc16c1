"""What several rooms share; the ground floor, which imports nothing of the package."""
