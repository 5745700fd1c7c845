import unittest

from wordkit.report import report


class ReportTest(unittest.TestCase):
    def test_it_names_the_commonest_word(self):
        self.assertEqual(
            report("Two Cats", "The cat saw the other cat. The cat left."),
            "two-cats: 9 words, most often cat (3)",
        )
