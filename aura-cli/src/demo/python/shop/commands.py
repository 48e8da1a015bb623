"""The commands of the program, by name."""

from shop.total import total

COMMANDS = {
    "total": total,
}
