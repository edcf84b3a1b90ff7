"""Rate limits, tested by a flood of messages."""

import asyncio

from starcast_client.conformance.suite import Check, Failed, Message, Target, check, error_code, expect

CHECKS: list[Check] = []


@check(
    CHECKS,
    "more texts than the rate allows: some are rate_limited, and the newest is answered",
    is_rude=True,
)
async def _rate_limit(target: Target) -> None:
    async with target.greeted() as flood:
        limits = flood.greeting["limits"]
        # The text costs more than one unit of work.
        count = limits["work_burst"] // 2 + 1_000
        newest = count
        refusals: list[Message] = []

        async def send_all() -> None:
            for seq in range(1, count + 1):
                await flood.send("text.update", seq=seq, text=f"A fine film. {seq}")

        sending = asyncio.create_task(send_all())
        try:
            while True:
                answer = await flood.receive()
                if error_code(answer) == "rate_limited":
                    refusals.append(answer)
                if answer.get("seq", answer.get("error", {}).get("seq")) == newest:
                    break
        except Failed:
            expect(flood.connection.close_code == 4008, "close 4008, if any", flood.connection.close_code)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        expect(bool(refusals), "some texts refused by rate_limited", "none")
        for refusal in refusals:
            expect(refusal["error"]["retryable"] is True, "rate_limited to be retryable", refusal)
            expect(refusal["error"].get("retry_after_ms", 0) >= 0, "a retry_after_ms, if any, of milliseconds", refusal)
