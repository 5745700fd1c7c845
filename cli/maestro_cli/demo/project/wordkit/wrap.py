"""Lines of a given width."""


def wrap(text: str, width: int) -> list[str]:
    """The words of the text in lines of at most `width` characters; a longer word has a line of its own."""
    raise NotImplementedError
