"""Titles for addresses."""


def slugify(title: str) -> str:
    """Lower-case words joined by dashes: `Hello, World!` becomes `hello-world`."""
    raise NotImplementedError
