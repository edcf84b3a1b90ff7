/** The objects that all parts of the page share. Each part is a function `attach…(page)` that listens and draws. */

import { FallbackSocket } from "../client/fallback-socket.js";
import { socketUrl } from "../client/protocol.js";
import { RatingSocket } from "../client/socket.js";
import { byId } from "../lib/dom.js";
import { Display } from "./display.js";
import { Editor } from "./editor.js";
import { MessageLine } from "./message-line.js";

/** @import { Session } from "../client/protocol.js" */

/**
 * @typedef {object} Page
 * @property {RatingSocket} socket
 * @property {Editor} editor
 * @property {Display} display
 * @property {MessageLine} messageLine
 * @property {Session | null} session The latest one.
 * @property {string | null} linkedText What a link has just brought: its curve is played once.
 */

/** @returns {Page} Not connected yet. */
export function createPage() {
  const socket = new RatingSocket(socketUrl(location.origin), { WebSocket: FallbackSocket });
  const editor = new Editor(byId("review"), socket);
  const display = new Display(socket);
  const messageLine = new MessageLine(socket, editor, display);
  /** @type {Page} */
  const page = { socket, editor, display, messageLine, session: null, linkedText: null };
  socket.addEventListener("model", ({ detail }) => {
    page.session = detail;
  });
  socket.addEventListener("session", () => {
    // The browser restores text without an event.
    editor.tell();
  });
  return page;
}
