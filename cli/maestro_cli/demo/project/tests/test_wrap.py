import unittest

from wordkit.wrap import wrap


class WrapTest(unittest.TestCase):
    def test_lines_are_not_longer_than_the_width(self):
        self.assertEqual(wrap("one two three four", 9), ["one two", "three", "four"])

    def test_a_long_word_has_its_own_line(self):
        self.assertEqual(wrap("a extraordinary day", 5), ["a", "extraordinary", "day"])
