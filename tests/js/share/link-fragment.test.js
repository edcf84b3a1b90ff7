import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { fromFragment, toFragment } from "../../../static/live/share/link-fragment.js";

const LONG = "Two hours of my life that nobody is going to give back. ".repeat(300);

/** No sign at its end that chat programs leave out of a link. */
const LINK = /^(text=[a-zA-Z\d%]*|z=[\w-]*(%..|[a-zA-Z\d]))$/;

describe("a text in a link", () => {
  for (const text of ["fine!", "Ещё 🎬 «да» 100% #1 &text=", "a\nb\tc\0", LONG, "👩‍👩‍👧 שלום"]) {
    test(`comes back as it was: ${JSON.stringify(text.slice(0, 20))}`, async () => {
      const fragment = await toFragment(text);
      assert.match(fragment, LINK);
      assert.equal(await fromFragment(`#${fragment}`), text);
    });
  }

  test("ends with no sign that chat programs drop, and a link that does is opened too", async () => {
    const text =
      "Two hours of my life that nobody is going to give back. The jokes are older than the cast 104.";
    const older =
      "z=FcvbDYQgFEXRVnYFRhNLsQHUK-CDk8DVid1PXP9r-omkuza0cb2ceTM8Bado1vqSG1G5RFzE_BhzWI6OKRm7DmuEauhcrX6t4MlYQnOGfuz-";
    assert.match(await toFragment(text), LINK);
    assert.equal(await fromFragment(older), text);
  });

  test("is packed where that makes it shorter", async () => {
    assert.match(await toFragment("ok"), /^text=/);
    assert.ok((await toFragment(LONG)).length < LONG.length / 20);
  });

  test("is plain where the browser cannot pack", async (t) => {
    const { CompressionStream } = globalThis;
    t.after(() => {
      globalThis.CompressionStream = CompressionStream;
    });
    Reflect.deleteProperty(globalThis, "CompressionStream");
    assert.equal(await toFragment("a b"), "text=a%20b");
  });

  test("may hold half an emoji, which a link cannot", async () => {
    assert.equal(await fromFragment(await toFragment("a\ud83c")), "a\ufffd");
  });

  test("is nothing where the link is damaged, of another kind, or a bomb", async () => {
    const bomb = deflateRawSync(Buffer.alloc(10_000_000, "a")).toString("base64url");
    for (const fragment of [
      "",
      "#",
      "#errors",
      "#text=",
      "#text=%",
      "#z=!",
      "#z=%",
      "#z=AAAA",
      `#z=${bomb}`,
    ]) {
      assert.equal(await fromFragment(fragment), null, fragment.slice(0, 20));
    }
  });
});
