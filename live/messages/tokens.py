"""Requests for short-lived tokens, and the answer. A token lets one browser open one WebSocket."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from live.messages.protocol import Text

MAX_TTL_S: Final = 600
DEFAULT_TTL_S: Final = 60
MAX_REFERENCE: Final = 64


def _without_fraction(value: Any) -> Any:
    """JSON Schema takes 60.0 for an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_AsInteger: Final = BeforeValidator(_without_fraction)
_Positive = Annotated[int, Field(strict=True, ge=1), _AsInteger]

_NO_CONTROLS: Final = r"^[^\x00-\x1f]*$"
"""PostgreSQL rejects NUL in texts. Repeated because Pydantic leaves the validator of the type out of the schema."""


class TokenLimits(BaseModel):
    """Limits of the connection. Those above the server's own have no effect."""

    model_config = ConfigDict(frozen=True)

    work_per_s: _Positive | None = Field(default=None, description="Units of work per second in the long run")
    work_burst: _Positive | None = Field(default=None, description="Units of work at once")
    max_chars: _Positive | None = Field(default=None, description="Unicode code points of a text")


class TokenRequest(BaseModel):
    """What the token is for. All fields are optional: `{}` is a request."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{}, {"ttl_s": 60, "origin": "https://shop.example", "reference": "visitor 7"}]}
    )

    ttl_s: Annotated[int, Field(strict=True, ge=1, le=MAX_TTL_S), _AsInteger] = Field(
        default=DEFAULT_TTL_S, description="Seconds within which the connection has to be opened"
    )
    origin: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$", max_length=255)] | None = Field(
        default=None, description="The only origin whose pages may use it; any, if left out"
    )
    limits: TokenLimits | None = Field(default=None, description="Lower limits than those of the key")
    reference: Annotated[
        Text, Field(max_length=MAX_REFERENCE, pattern=_NO_CONTROLS, json_schema_extra={"pattern": _NO_CONTROLS})
    ] = Field(
        default="", description="Your name for who uses it, shown in the usage of the key. The browser can read it"
    )


class TokenReply(BaseModel):
    """A new token."""

    token: str = Field(description="Offer it like a key. It opens one WebSocket")
    expires_in_s: int = Field(description="Seconds within which the connection has to be opened")
