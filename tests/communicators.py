"""Connections to the application in the process."""

from typing import Any

from channels import testing

from tests.timing import PATIENCE_S


class WebsocketCommunicator(testing.WebsocketCommunicator):  # type: ignore[misc]
    """Waits as long as a busy machine may need; Channels' own communicator waits only one second."""

    async def receive_output(self, timeout: float = 0) -> Any:  # noqa: ASYNC109 - as Channels has it
        return await super().receive_output(max(timeout, PATIENCE_S))

    async def wait(self, timeout: float = 0) -> None:  # noqa: ASYNC109 - as Channels has it
        await super().wait(max(timeout, PATIENCE_S))
