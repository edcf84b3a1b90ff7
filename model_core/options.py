"""How much work an engine takes on."""

from pydantic import BaseModel, ConfigDict, Field


class EngineOptions(BaseModel):
    """Bounds of the engine's work. Raises ValidationError, a ValueError, for values out of range."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_waiting: int = Field(
        default=512, ge=1, description="Texts that may wait for the model. One more gets `overloaded`."
    )
    max_waiting_tokens: int = Field(
        default=32_768,
        ge=1,
        description="Tokens (estimated) of the texts that may wait, so that a few long texts count as much as many short.",
    )
    max_batch: int = Field(default=32, ge=1, description="Texts of one batch.")
    max_batch_tokens: int = Field(
        default=384,
        ge=1,
        description="Tokens (estimated) of one batch; the next text waits for all of it. One text is always taken.",
    )
    deadline_ms: int = Field(
        default=5_000, ge=1, description="Milliseconds after which an unanswered text gets `model_unavailable`."
    )
    background_deadline_ms: int = Field(
        default=30_000,
        ge=1,
        description="The same in milliseconds for background work: explanations, and requests with several texts.",
    )
