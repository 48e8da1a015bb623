"""Aura could not do its job. A failing agent, a red gate and a conflict are not errors but data."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aura.types import Problem


class Error(Exception):
    """What happened (`str(error)`), where, and what to do about it (`help`)."""

    kind: str = "internal"
    #: The remedy, where one is known.
    help: str | None
    #: All problems of a refused plan or configuration.
    problems: list[Problem]
    #: The place of the first problem that has one; line and column are counted from 1.
    file: str | None
    line: int | None
    column: int | None

    def __init__(
        self,
        message: str,
        *,
        help: str | None = None,
        problems: list[Problem] | None = None,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message)
        self.help = help
        self.problems = problems or []
        self.file = file
        self.line = line
        self.column = column
        if help is not None and sys.version_info >= (3, 11):
            self.add_note(f"help: {help}")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (str(self),), self.__dict__)


class InvalidPlan(Error):
    """A plan was refused; every reason is in `problems`."""

    kind = "invalid_plan"


class InvalidConfig(Error):
    """The configuration was refused; every reason is in `problems`."""

    kind = "invalid_config"


class InvalidInput(Error):
    """An argument was refused."""

    kind = "invalid_input"


class Template(Error):
    """A prompt template does not parse or names a variable that is not there."""

    kind = "template"


class NotFound(Error):
    """A story, task or file that was named does not exist."""

    kind = "not_found"


class StoryBusy(Error):
    """Another process, or another orchestrator, runs the story; the message names it."""

    kind = "story_busy"


class Refused(Error):
    """The operation is not legal in the present state."""

    kind = "refused"


class UnsupportedRepository(Error):
    """The repository is of a form that Aura does not support, or has no commit yet."""

    kind = "unsupported_repository"


class Git(Error):
    """A git operation failed."""

    kind = "git"


class ForeignChange(Error):
    """The user's git configuration, hooks or attributes changed while a run was active."""

    kind = "foreign_change"


class ForeignMove(Error):
    """A ref that belongs to Aura was moved by somebody else."""

    kind = "foreign_move"


class BackendMissing(Error):
    """An agent that the story was started with is not registered."""

    kind = "backend_missing"


class GateMissing(Error):
    """A gate that the story was started with is not registered."""

    kind = "gate_missing"


class GateChanged(Error):
    """A gate or an agent is defined differently than when the story was started."""

    kind = "gate_changed"


class Untrusted(Error):
    """Commands that the repository configures are not trusted yet."""

    kind = "untrusted"


class Store(Error):
    """The store could not be read or written."""

    kind = "store"


class Process(Error):
    """A child process could not be started or supervised."""

    kind = "process"


class Io(Error):
    """A file could not be read or written."""

    kind = "io"


class Cancelled(Error):
    """The caller cancelled the operation."""

    kind = "cancelled"


class Internal(Error):
    """A bug in Aura."""

    kind = "internal"


_KINDS = {kind.kind: kind for kind in Error.__subclasses__()}


def from_json(text: str) -> Error:
    """The exception for an error of the library."""
    fields = json.loads(text)
    return _KINDS.get(fields.pop("kind"), Error)(fields.pop("message"), **fields)
