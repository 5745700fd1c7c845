import unittest

from wordkit.slug import slugify


class SlugTest(unittest.TestCase):
    def test_words_are_joined_by_dashes(self):
        self.assertEqual(slugify("Hello, World!"), "hello-world")

    def test_nothing_is_left_at_the_ends(self):
        self.assertEqual(slugify("  -- So it goes. "), "so-it-goes")
