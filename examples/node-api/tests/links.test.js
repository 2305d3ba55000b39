import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { make } from "../links/app.js";
import { ConfigError, read } from "../links/config.js";
import { open } from "../links/store.js";

let folder;
let app;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "links-"));
  const config = read({ PUBLIC_URL: "https://l.example.org/", LOG_LEVEL: "error" });
  app = await make(config, open(folder));
});

after(async () => {
  await app.close();
  rmSync(folder, { recursive: true });
});

test("a link leads where it should, and counts", async () => {
  const url = "https://example.org/a/long/way";
  const made = await app.inject({ method: "POST", url: "/links", payload: { url } });
  assert.equal(made.statusCode, 201);
  const { code, link } = made.json();
  assert.equal(link, `https://l.example.org/${code}`);

  const followed = await app.inject(`/${code}`);
  assert.equal(followed.statusCode, 302);
  assert.equal(followed.headers.location, url);
  assert.deepEqual((await app.inject(`/links/${code}`)).json(), { code, url, visits: 1 });
});

test("an address of another kind is refused", async () => {
  for (const url of ["javascript:alert(1)", "/etc/passwd", ""]) {
    const said = await app.inject({ method: "POST", url: "/links", payload: { url } });
    assert.equal(said.statusCode, 422, url);
  }
});

test("every problem of a configuration is listed", () => {
  assert.throws(
    () => read({ PORT: "http", LOG_LEVEL: "loud" }),
    (error) => error instanceof ConfigError && error.problems.length === 3,
  );
});
