import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { read } from "../src/book.ts";

const book = read(join(import.meta.dirname, "..", "pages"));

test("every page has its first heading as title", () => {
  assert.deepEqual([...book.pages.values()].map((p) => p.title), ["On call", "Releases"]);
});

test("a page is found by its words, also misspelt", () => {
  assert.deepEqual(book.find("rollbak").map((p) => p.name), ["on-call"]);
  assert.deepEqual(book.find("nothing of the kind"), []);
});
