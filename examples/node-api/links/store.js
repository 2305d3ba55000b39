/** Links in one SQLite file. */

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const SCHEMA = `
PRAGMA journal_mode = WAL;
PRAGMA busy_timeout = 5000;
CREATE TABLE IF NOT EXISTS link (
  code TEXT PRIMARY KEY, url TEXT NOT NULL, visits INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
`;

/** Open the store below a directory; what it returns is closed with `close`. */
export function open(directory) {
  const database = new DatabaseSync(join(directory, "links.db"));
  database.exec(SCHEMA);
  const insert = database.prepare("INSERT INTO link (code, url) VALUES (?, ?)");
  const select = database.prepare("SELECT code, url, visits FROM link WHERE code = ?");
  const visit = database.prepare(
    "UPDATE link SET visits = visits + 1 WHERE code = ? RETURNING url",
  );
  const count = database.prepare("SELECT count(*) AS links FROM link");
  return {
    add(url) {
      const code = randomBytes(6).toString("base64url");
      insert.run(code, url);
      return code;
    },
    get: (code) => select.get(code),
    visit: (code) => visit.get(code)?.url,
    count: () => count.get().links,
    close: () => database.close(),
  };
}
