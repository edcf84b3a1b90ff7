// A socket with a fake server, fake time and chosen chance, made anew before each test.
import { beforeEach } from "node:test";
import { RatingSocket } from "../../static/live/client/socket.js";
import { FakeTimers, fakeWebSocket, must, prediction, session } from "./fakes.js";

/**
 * @import { RatingEvents } from "../../static/live/client/socket.js"
 * @import { FakeSocket } from "./fakes.js"
 */

/** @type {(keyof RatingEvents)[]} */
const EVENTS = [
  "state",
  "session",
  "updated",
  "sent",
  "prediction",
  "explanation",
  "refused",
  "fault",
];

/** @type {FakeTimers} */
export let timers;
/** @type {RatingSocket} */
export let rating;
/** All connections so far, the present one last. @type {FakeSocket[]} */
export let sockets;
/** @type {number} */
let random;
/** @type {[name: string, detail: any][]} */
let heard;

beforeEach(() => {
  timers = new FakeTimers();
  random = 0.5;
  heard = [];
  const fake = fakeWebSocket();
  sockets = fake.sockets;
  rating = new RatingSocket("ws://host/ws/v1/classify/", {
    WebSocket: fake.FakeWebSocket,
    timers,
    random: () => random,
  });
  for (const name of EVENTS) {
    rating.addEventListener(name, ({ detail }) => heard.push([name, detail]));
  }
  rating.start();
});

/** What chance says from now on, 0 to 1. @param {number} share */
export function draw(share) {
  random = share;
}

/** @returns {FakeSocket} */
export const server = () => must(sockets.at(-1));
/** @param {keyof RatingEvents} name @returns {any[]} */
export const details = (name) =>
  heard.filter(([type]) => type === name).map(([, detail]) => detail);
export const states = () => details("state").map(({ state }) => state);

export function open() {
  server().say(session());
}

/** Lets the server answer, so that the backoff starts anew at the next loss. */
export function openAndAnswer(text = "fine") {
  rating.submit(text);
  open();
  server().say(prediction(rating.seq));
}
