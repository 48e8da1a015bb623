import unittest

from shop import cart


class CartTest(unittest.TestCase):
    def test_nothing_costs_nothing(self):
        self.assertEqual(cart.cents([]), 0)

    def test_prices_add_up(self):
        self.assertEqual(cart.cents(["apple", "bread"]), 365)
