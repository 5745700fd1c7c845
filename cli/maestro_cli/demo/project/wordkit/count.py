"""How often each word occurs."""


def count_words(text: str) -> dict[str, int]:
    """Words in lower case, without punctuation, with the number of times each occurs."""
    raise NotImplementedError
