import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { RatingSocket } from "../../../static/live/client/socket.js";
import { FakeTimers, fakeWebSocket, prediction, serverError, session } from "../fakes.js";

/** @import { RatingEvents } from "../../../static/live/client/socket.js" */

/** @type {(keyof RatingEvents)[]} */
const EVENTS = ["state", "room", "refused", "fault"];

/** @type {ReturnType<typeof fakeWebSocket>} */
let fake;
/** @type {RatingSocket} */
let rating;
/** @type {[name: string, detail: any][]} */
let heard;
const server = () => fake.newest();
const open = () => server().say(session());
/** @param {keyof RatingEvents} name */
const details = (name) => heard.filter(([type]) => type === name).map(([, detail]) => detail);

beforeEach(() => {
  heard = [];
  fake = fakeWebSocket();
  rating = new RatingSocket("ws://host/ws/v1/classify/", {
    WebSocket: fake.FakeWebSocket,
    timers: new FakeTimers(),
  });
  for (const name of EVENTS) {
    rating.addEventListener(name, ({ detail }) => heard.push([name, detail]));
  }
  rating.start();
});

describe("rooms", () => {
  const opened = { type: "room.opened", room_id: "r".repeat(22), secret: "s", max_watchers: 50 };

  test("are opened, gone on in, and closed", () => {
    open();
    rating.openRoom();
    rating.openRoom("secret");
    rating.closeRoom();
    assert.deepEqual(server().sent, [
      { type: "room.open" },
      { type: "room.open", secret: "secret" },
      { type: "room.close" },
    ]);
  });

  test("wait for a connection, and say nothing without one", () => {
    rating.openRoom();
    rating.closeRoom();
    assert.deepEqual(server().sent, []);
  });

  test("are told to the page, a state that is watched among it", () => {
    open();
    const { seq, type, ...answer } = prediction(1);
    const state = { type: "room.state", text: "fi", is_fresh: true, is_typist_here: true };
    const messages = [
      opened,
      { type: "room.watchers", count: 2 },
      state,
      { ...state, rating: answer },
      { type: "room.closed", reason: "left" },
    ];
    for (const message of messages) server().say(message);
    assert.deepEqual(details("room"), messages);
    server().say({ ...state, rating: {} });
    assert.equal(details("fault").length, 1);
  });

  test("that are refused fail no text", () => {
    rating.submit("fine");
    open();
    server().say(serverError("too_many_rooms", undefined, true));
    assert.deepEqual(details("room"), [{ type: "room.closed", reason: "too_many_rooms" }]);
    assert.deepEqual(details("refused"), []);
    assert.equal(rating.isSettled, false);
    server().say(prediction(rating.seq));
    assert.equal(rating.isSettled, true);
  });

  test("that have ended are not asked for again", () => {
    open();
    server().end(4522);
    assert.equal(rating.state, "closed");
  });
});
