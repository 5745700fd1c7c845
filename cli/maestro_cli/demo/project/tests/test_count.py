import unittest

from wordkit.count import count_words


class CountTest(unittest.TestCase):
    def test_each_word_is_counted(self):
        self.assertEqual(count_words("the cat and the dog"), {"the": 2, "cat": 1, "and": 1, "dog": 1})

    def test_punctuation_and_case_do_not_matter(self):
        self.assertEqual(count_words("Stop! Stop, stop."), {"stop": 3})
