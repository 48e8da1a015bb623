"""Whether a value has a type of `aura.types`, as a type checker would see it."""

from __future__ import annotations

from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict


def misfit(value: Any, shape: Any, place: str = "") -> str | None:
    """What does not fit, and where; none when everything does."""
    if is_typeddict(shape):
        return _members(value, shape, place)
    origin, arguments = get_origin(shape), get_args(shape)
    if shape is Any:
        return None
    if origin is Literal:
        return None if value in arguments else f"{place}: {value!r} is none of {arguments}"
    if origin in (Union, UnionType):
        return _one_of(value, arguments, place)
    if origin is list and isinstance(value, list):
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        found = (misfit(item, arguments[0], f"{place}[{index}]") for index, item in enumerate(items))
        return next((wrong for wrong in found if wrong is not None), None)
    if origin is dict and isinstance(value, dict):
        return None
    wanted = (int, float) if shape is float else (shape,)
    if isinstance(shape, type) and type(value) in wanted:
        return None
    return f"{place}: {value!r} is not {shape}"


def _members(value: Any, shape: Any, place: str) -> str | None:
    if not isinstance(value, dict):
        return f"{place}: {value!r} is not {shape.__name__}"
    members: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
    hints = get_type_hints(shape)
    required = {name for name, hint in get_type_hints(shape, include_extras=True).items() if not _optional(hint)}
    if missing := required - members.keys():
        return f"{place}: {shape.__name__} without {missing}"
    if unknown := members.keys() - hints.keys():
        return f"{place}: {shape.__name__} with {unknown}"
    found = (misfit(member, hints[name], f"{place}.{name}") for name, member in members.items())
    return next((wrong for wrong in found if wrong is not None), None)


def _optional(hint: Any) -> bool:
    return getattr(get_origin(hint), "__name__", getattr(get_origin(hint), "_name", "")) == "NotRequired"


def _one_of(value: Any, arguments: tuple[Any, ...], place: str) -> str | None:
    members: dict[str, Any] = value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]
    kind = members.get("type")
    for event in arguments if kind is not None else ():
        if is_typeddict(event) and kind in get_args(get_type_hints(event)["type"]):
            return misfit(value, event, str(kind))
    if any(misfit(value, argument) is None for argument in arguments):
        return None
    return f"{place}: {value!r} is none of {arguments}"
