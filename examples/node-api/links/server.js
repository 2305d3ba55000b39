/** Serve until asked to stop. */

import { make } from "./app.js";
import { ConfigError, read } from "./config.js";
import { open } from "./store.js";

try {
  await serve(read(process.env));
} catch (error) {
  if (!(error instanceof ConfigError)) {
    throw error;
  }
  for (const problem of error.problems) {
    console.error(`links: ${problem}`);
  }
  process.exitCode = 2;
}

async function serve(config) {
  const app = await make(config, open(config.data));
  await app.listen({ host: "0.0.0.0", port: config.port });
  // The first process of a container gets no signal that it does not listen for.
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.once(signal, () => app.close());
  }
}
