import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { bearerSubprotocol, SUBPROTOCOL } from "../../../static/live/client/protocol.js";
import { RatingSocket, TokenError } from "../../../static/live/client/socket.js";
import { FakeTimers, fakeWebSocket, must, prediction, session } from "../fakes.js";

/** @import { FakeSocket } from "../fakes.js" */

describe("tokens", () => {
  /** @type {FakeTimers} */
  let timers;
  /** @type {FakeSocket[]} */
  let sockets;
  /** @type {string[][]} */
  let offers;
  /** @type {unknown[]} */
  let faults;
  /** @type {RatingSocket} */
  let rating;

  beforeEach(() => {
    timers = new FakeTimers();
    offers = [];
    faults = [];
  });

  /** @param {() => string | Promise<string>} token */
  function connectWith(token) {
    const fake = fakeWebSocket();
    sockets = fake.sockets;
    class Offered extends fake.FakeWebSocket {
      /** @param {string} url @param {string[]} [protocols] */
      constructor(url, protocols) {
        super(url, protocols);
        offers.push(must(protocols));
      }
    }
    rating = new RatingSocket("ws://host/", {
      token,
      WebSocket: Offered,
      timers,
      random: () => 0.5,
    });
    rating.addEventListener("fault", ({ detail }) => faults.push(detail));
    rating.start();
  }

  test("each connection has a token of its own, and the newest text is sent", async () => {
    let count = 0;
    connectWith(async () => `st_${++count}`);
    rating.submit("fine");
    await settled();
    must(sockets[0]).say(session());
    must(sockets[0]).say(prediction(1));
    must(sockets[0]).end(1006);
    timers.advance(500);
    await settled();
    must(sockets[1]).say(session());
    assert.deepEqual(offers, [
      [SUBPROTOCOL, bearerSubprotocol("st_1")],
      [SUBPROTOCOL, bearerSubprotocol("st_2")],
    ]);
    assert.equal(must(must(sockets[1]).sent.at(-1)).text, "fine");
  });

  test("while there is none, it is asked for again, more and more rarely", async () => {
    let asked = 0;
    connectWith(() => {
      asked += 1;
      throw new Error("the shop is closed");
    });
    await settled();
    assert.equal(rating.state, "reconnecting");
    assert.ok(faults[0] instanceof TokenError);
    timers.advance(250);
    await settled();
    assert.equal(asked, 2);
    timers.advance(250);
    await settled();
    assert.equal(asked, 2);
    assert.equal(sockets.length, 0);
  });

  test("what is no token opens nothing", async () => {
    const none = /** @type {() => Promise<any>} */ (async () => undefined);
    connectWith(none);
    await settled();
    assert.ok(faults[0] instanceof TokenError);
    assert.equal(sockets.length, 0);
  });

  test("one that never comes is given up", async () => {
    connectWith(() => new Promise(() => {}));
    timers.advance(10_000);
    assert.equal(rating.state, "reconnecting");
  });

  test("a token that comes after the close opens nothing", async () => {
    connectWith(async () => "st_1");
    rating.close();
    await settled();
    assert.equal(sockets.length, 0);
    assert.equal(timers.pendingCount, 0);
  });

  test("starting twice asks once", async () => {
    let asked = 0;
    connectWith(async () => `st_${++asked}`);
    rating.start();
    await settled();
    assert.equal(asked, 1);
    assert.equal(sockets.length, 1);
  });
});

/** Lets promises that are settled call what waits for them. */
const settled = () => new Promise((resolve) => setImmediate(resolve));
