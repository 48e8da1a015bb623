"""Fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import make_repository


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    return make_repository(tmp_path / "app")
