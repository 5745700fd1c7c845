import unittest

from wordkit.__main__ import main


class MainTest(unittest.TestCase):
    def test_it_prints_the_text_and_its_report(self):
        self.assertEqual(
            main("Rain", 10, "rain rain go away"),
            "rain rain\ngo away\n\nrain: 4 words, most often rain (2)",
        )
