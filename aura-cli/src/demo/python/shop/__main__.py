"""The program: `python3 -m shop COMMAND NAME..`."""

import sys

from shop.commands import COMMANDS


def main(words):
    if not words or words[0] not in COMMANDS:
        print("commands: " + ", ".join(sorted(COMMANDS)), file=sys.stderr)
        return 2
    print(COMMANDS[words[0]](words[1:]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
