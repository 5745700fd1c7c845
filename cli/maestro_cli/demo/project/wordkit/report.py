"""A short report about a text."""


def report(title: str, text: str) -> str:
    """`<slug>: <number of words> words, most often <word> (<times>)`."""
    raise NotImplementedError
