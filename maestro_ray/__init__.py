"""maestro: a team of coding agents on a git repository. Importing this package does nothing."""

__version__ = "0.1.0"
__all__ = ["__version__"]
