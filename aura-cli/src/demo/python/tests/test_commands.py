import unittest

from shop.commands import COMMANDS


class CommandsTest(unittest.TestCase):
    def test_total(self):
        self.assertEqual(COMMANDS["total"](["cheese"]), "749")
