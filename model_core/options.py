"""The limits of the engine, and descriptions of options in general."""

from typing import Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class EngineOptions:
    """Limits of the engine's work. Raises ValidationError, a ValueError, for values out of range."""

    max_waiting: int = Field(
        default=512, ge=1, description="Texts that may wait for the model. One more gets `overloaded`."
    )
    max_waiting_units: int = Field(
        default=32_768,
        ge=1,
        description="Units of work (about 0.1 ms of one core each) of the texts that may wait. If there are more, the "
        "address or key that has most waiting gets `overloaded`.",
    )
    max_batch: int = Field(default=32, ge=1, description="Texts of one batch.")
    max_batch_units: int = Field(
        default=384,
        ge=1,
        description="Units of work of one batch; the next text waits for all of it. A batch has at least one text, "
        "however large.",
    )
    deadline_ms: int = Field(
        default=5_000, ge=1, description="Milliseconds after which an unanswered text gets `model_unavailable`."
    )
    background_deadline_ms: int = Field(
        default=30_000,
        ge=1,
        description="The same in milliseconds for background work: an explanation, and each text of a request with "
        "several.",
    )


def described(options: type) -> dict[str, FieldInfo]:
    """Return the fields of a pydantic dataclass, with their ranges and descriptions."""
    fields: dict[str, FieldInfo] = vars(options)["__pydantic_fields__"]
    return fields


def range_of(field: FieldInfo) -> str:
    """Return the allowed values of a field in words; empty if any value of its type is allowed."""
    if field.annotation is bool:
        return "true or false"
    if get_origin(field.annotation) is Literal:
        *others, last = get_args(field.annotation)
        return f"{', '.join(others)} or {last}"
    least, above, most = None, None, None
    for bound in field.metadata:
        match bound:
            case Ge():
                least = bound.ge
            case Gt():
                above = bound.gt
            case Le():
                most = bound.le
    if above is not None:
        return f"above {above}" if most is None else f"above {above} and up to {most}"
    if least is not None:
        return f"{least} or more" if most is None else f"{least} to {most}"
    return ""
