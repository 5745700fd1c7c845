"""`python3 -m wordkit TITLE WIDTH < text`: the text wrapped, then its report."""


def main(title: str, width: int, text: str) -> str:
    """What the program prints."""
    raise NotImplementedError
