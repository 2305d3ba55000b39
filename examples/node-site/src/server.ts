/** Serve until asked to stop. */

import { createServer } from "node:http";
import { join } from "node:path";

import { read } from "./book.ts";
import { make } from "./site.ts";

const port = Number(process.env.PORT ?? "8080");
const book = read(join(import.meta.dirname, "pages"));
const server = createServer(make(book));
server.listen(port, "0.0.0.0", () => {
  console.log(JSON.stringify({ message: "listening", port, pages: book.pages.size }));
});

// The first process of a container gets no signal that it does not listen for.
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    server.close();
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 2000).unref();
  });
}
