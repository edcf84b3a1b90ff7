/** The client in Node.js: before version 22, which has a WebSocket of its own, it takes that of the package `ws`. */

import { createRequire } from "node:module";
import { connect as connectWith } from "./dist/client.js";

export * from "./dist/client.js";

/** @type {typeof connectWith} See `dist/client.js`. */
export function connect({ WebSocket = globalThis.WebSocket ?? ofPackage(), ...options }) {
  return connectWith({ WebSocket, ...options });
}

/** Unlike `import`, `require` answers at once, as `connect` does. */
function ofPackage() {
  try {
    return createRequire(import.meta.url)("ws");
  } catch (error) {
    // Then `connect` says what to install.
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
