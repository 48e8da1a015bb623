"""The command `total`."""

from shop import cart


def total(names):
    return str(cart.cents(names))
