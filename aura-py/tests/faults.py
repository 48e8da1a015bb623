"""What goes wrong between two languages, each in a process of its own: `python faults.py NAME REPOSITORY`.

A fault says what it has to say as a line of JSON; the tests look at that, at the exit code, and at standard error.
"""

from __future__ import annotations

import sys
from pathlib import Path

import faults_of_ends
import faults_of_handles
import faults_of_work
from fault_kit import FAULTS

__all__ = ["FAULTS", "faults_of_ends", "faults_of_handles", "faults_of_work"]

if __name__ == "__main__":
    FAULTS[sys.argv[1]](Path(sys.argv[2]))
