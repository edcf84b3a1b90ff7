/** Fills dist/ with the page's own modules, which exist once in the repository, and with their types. */

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const MODULES = [
  "client.js",
  ...["offsets.js", "pacer.js", "protocol.js", "rating-client.js", "socket.js"].map(
    (name) => `client/${name}`,
  ),
];

/** @param {string} relative */
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const compiler = path("../../tests/js/node_modules/typescript/bin/tsc");

if (!existsSync(compiler)) {
  console.error("The types are made by TypeScript. Run: npm install --prefix ../../tests/js");
  process.exit(1);
}
rmSync(path("dist"), { recursive: true, force: true });
execFileSync(process.execPath, [compiler, "--project", path("tsconfig.json")], {
  stdio: ["ignore", "inherit", "inherit"],
});
mkdirSync(path("dist/client"), { recursive: true });
for (const module of MODULES) {
  copyFileSync(path(`../../static/live/${module}`), path(`dist/${module}`));
}
for (const name of ["LICENSE", "NOTICE"]) {
  copyFileSync(path(`../../${name}`), path(name));
}
