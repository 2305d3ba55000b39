/** One file of JavaScript with all that it needs, and the pages beside it. */

import { cp } from "node:fs/promises";

import { build } from "esbuild";

await build({
  entryPoints: { server: "src/server.ts", health: "src/health.ts" },
  outdir: "dist",
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node22",
  sourcemap: true,
  sourcesContent: false,
  legalComments: "linked",
});
await cp("pages", "dist/pages", { recursive: true });
