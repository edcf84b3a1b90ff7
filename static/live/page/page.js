/** What the parts of the page share. Each part is a function `attach…(page)` that listens and draws. */

import { FallbackSocket } from "../client/fallback-socket.js";
import { socketUrl } from "../client/protocol.js";
import { RatingSocket } from "../client/socket.js";
import { byId } from "../lib/dom.js";
import { Editor } from "./editor.js";
import { Note } from "./note.js";
import { Stage } from "./stage.js";

/**
 * @typedef {object} Page
 * @property {RatingSocket} socket
 * @property {Editor} editor
 * @property {Stage} stage
 * @property {Note} note
 * @property {import("../client/protocol.js").Session | null} session The latest one.
 */

/** @returns {Page} Not connected yet. */
export function createPage() {
  const socket = new RatingSocket(socketUrl(location.origin), { WebSocket: FallbackSocket });
  const editor = new Editor(byId("review"), socket);
  const stage = new Stage(socket);
  const note = new Note(socket, editor, stage);
  /** @type {Page} */
  const page = { socket, editor, stage, note, session: null };
  socket.addEventListener("session", ({ detail }) => {
    page.session = detail;
    // What the browser restored since the page was loaded, it has told nobody.
    editor.tell();
  });
  return page;
}
