"""Plans: validated graphs of tasks, cut into waves."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, cast

from aura._bridge import call, given
from aura.types import Edge, GraphFormat, OutOfScope, PlanData, PlanTask, Problem, StoryTask, Wave


class Plan:
    """A validated plan. `Plan.new`, `Plan.load` and `Plan.parse` make one, or raise `InvalidPlan` with every problem."""

    def __init__(self, data: PlanData) -> None:
        self._data = data

    @classmethod
    def new(
        cls, title: str, tasks: Iterable[PlanTask], *, description: str | None = None, review: bool | None = None
    ) -> Plan:
        """Makes a plan from tasks. With `review` it is not run without a required gate that reviews."""
        return cls(call("plan_new", title=title, tasks=list(tasks), **given(description=description, review=review)))

    @classmethod
    def parse(cls, text: str, file: str | None = None) -> Plan:
        """Reads a plan from a text; `file` is the name that problems are reported with, and its ending tells the format."""
        return cls(call("plan_parse", text=text, **given(file=file)))

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        scope: Iterable[str] | None = None,
        out_of_scope: OutOfScope | None = None,
    ) -> Plan:
        """Reads a plan file or a folder of story files. Blocks while it is read.

        `scope` are words that say which tasks are wanted: an id, a range `1.1-1.5`, a glob `1.*`, an epic `epic:auth`. A dependency that
        they do not name is refused, taken in (`expand`), or whoever needs it is left out (`skip`).
        """
        words = None if scope is None else list(scope)
        return cls(call("plan_load", path=os.fsdecode(path), **given(scope=words, out_of_scope=out_of_scope)))

    @classmethod
    def from_answer(cls, answer: str, title: str) -> Plan:
        """Reads the plan inside a model's answer: in a code fence, or between sentences."""
        return cls(call("plan_from_answer", answer=answer, title=title))

    @property
    def title(self) -> str:
        """What is wanted, in one line."""
        return self._data["title"]

    @property
    def description(self) -> str:
        """What is wanted, at length."""
        return self._data.get("description", "")

    @property
    def tasks(self) -> list[StoryTask]:
        """In plan order, each with its wave."""
        return self._data["tasks"]

    @property
    def added_edges(self) -> list[Edge]:
        """Orders added to keep overlapping and exclusive tasks apart."""
        return self._data["added_edges"]

    @property
    def waves(self) -> list[Wave]:
        """Tasks that may run side by side."""
        return self._data["waves"]

    @property
    def critical_path(self) -> list[str]:
        """The longest chain of tasks, from first to last."""
        return self._data["critical_path"]

    @property
    def warnings(self) -> list[Problem]:
        """What a person should look at; nothing here refuses the plan."""
        return self._data.get("warnings", [])

    @property
    def source(self) -> str | None:
        """The file or folder it was read from, or what made it."""
        return self._data.get("source")

    @property
    def review(self) -> bool:
        """Whether it is not run without a required gate that reviews."""
        return self._data.get("review", False)

    def to_yaml(self) -> str:
        """The plan as a file, without anything that is derived."""
        return cast(str, call("plan_to_yaml", plan=self._data))

    def graph(self, format: GraphFormat) -> str:
        """The plan as a picture."""
        return cast(str, call("plan_graph", plan=self._data, format=format))

    def to_dict(self) -> PlanData:
        """The plan as plain data."""
        return self._data

    def __repr__(self) -> str:
        return f"Plan({self.title!r}, {len(self.tasks)} tasks in {len(self.waves)} waves)"

    def _repr_svg_(self) -> str:
        return self.graph("svg")


def plan_schema() -> dict[str, Any]:
    """The JSON schema of plan files."""
    return cast("dict[str, Any]", call("plan_schema"))
