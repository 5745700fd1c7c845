"""The migrations of Studio's database, run by `upgrade.py`; each file in `versions` makes one schema of the last."""
