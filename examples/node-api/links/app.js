/** The HTTP interface. */

import helmet from "@fastify/helmet";
import fastify from "fastify";

import { isWebAddress } from "./config.js";

const LARGEST_BODY = 16 * 1024;
const DRAFT = {
  type: "object",
  additionalProperties: false,
  required: ["url"],
  properties: { url: { type: "string", maxLength: 2048 } },
};

/** Return the application for a configuration; it closes `store` when it is closed. */
export async function make(config, store) {
  const app = fastify({
    logger: { level: config.level },
    bodyLimit: LARGEST_BODY,
    forceCloseConnections: true,
  });
  await app.register(helmet);
  app.addHook("onClose", async () => store.close());

  app.get("/healthz", async () => ({ status: "ok", links: store.count() }));

  app.post("/links", { schema: { body: DRAFT } }, async (request, reply) => {
    if (!isWebAddress(request.body.url)) {
      return reply.code(422).send({ error: "url is not an http or https URL" });
    }
    const code = store.add(request.body.url);
    return reply.code(201).send({ code, link: `${config.publicUrl}/${code}` });
  });

  app.get("/links/:code", async (request, reply) => {
    const link = store.get(request.params.code);
    return link ?? reply.code(404).send({ error: "no such link" });
  });

  app.get("/:code", async (request, reply) => {
    const url = store.visit(request.params.code);
    return url ? reply.redirect(url) : reply.code(404).send({ error: "no such link" });
  });

  return app;
}
