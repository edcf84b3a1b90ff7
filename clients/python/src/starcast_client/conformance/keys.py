"""API keys: how they are sent, and what happens without one or with a wrong one."""

import base64

from starcast_client.conformance.suite import Check, Skipped, Target, check, error_code, expect
from starcast_client.messages import SUBPROTOCOL

CHECKS: list[Check] = []

_WRONG_KEY = "sc_of_the_conformance_suite"
_TEXT = {"text": "A fine film."}


def _bearer(key: str) -> str:
    return "starcast.bearer." + base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


@check(CHECKS, "a wrong key: error key_invalid, close 4504")
async def _wrong_key_is_refused(target: Target) -> None:
    async with target.with_key(_WRONG_KEY).open() as peer:
        await peer.expect_error("key_invalid")
        await peer.expect_close(4504)


@check(CHECKS, "a key in the subprotocols is checked and never echoed")
async def _keys_are_not_echoed(target: Target) -> None:
    keyless = target.with_key(None)
    # A server that echoes the first subprotocol would leak the key.
    async with keyless.open(subprotocols=(_bearer(_WRONG_KEY), SUBPROTOCOL)) as peer:
        expect(peer.connection.subprotocol == SUBPROTOCOL, SUBPROTOCOL, peer.connection.subprotocol)
        await peer.expect_error("key_invalid")
        await peer.expect_close(4504)
    if target.api_key is not None:
        async with keyless.open(subprotocols=(SUBPROTOCOL, _bearer(target.api_key))) as peer:
            expect(peer.connection.subprotocol == SUBPROTOCOL, SUBPROTOCOL, peer.connection.subprotocol)
            greeting = await peer.receive()
            expect(greeting["type"] == "session.created", "the greeting", greeting)


@check(CHECKS, "no key when one is required: error key_missing, close 4503")
async def _missing_key_is_refused(target: Target) -> None:
    async with target.with_key(None).open() as peer:
        answer = await peer.receive()
        if answer["type"] == "session.created":
            raise Skipped("this server asks for no key")
        expect(error_code(answer) == "key_missing", "error key_missing", answer)
        await peer.expect_close(4503)


@check(CHECKS, "a foreign Origin with a key is served")
async def _foreign_origin_with_a_key_is_served(target: Target) -> None:
    if target.api_key is None:
        raise Skipped("only with --key")
    async with target.open(origin="https://foreign.invalid") as peer:
        greeting = await peer.receive()
        expect(greeting["type"] == "session.created", "the greeting", greeting)


@check(CHECKS, "a wrong key over HTTP: status 401, error key_invalid")
async def _wrong_key_is_refused_over_http(target: Target) -> None:
    status, body = await target.with_key(_WRONG_KEY).post("/api/v1/predict", _TEXT)
    expect((status, body.get("error", {}).get("code")) == (401, "key_invalid"), "401 key_invalid", f"{status} {body}")


@check(CHECKS, "no key over HTTP when one is required: status 401, error key_missing")
async def _missing_key_is_refused_over_http(target: Target) -> None:
    status, body = await target.with_key(None).post("/api/v1/predict", _TEXT)
    if status == 200:
        raise Skipped("this server asks for no key")
    expect((status, body.get("error", {}).get("code")) == (401, "key_missing"), "401 key_missing", f"{status} {body}")
