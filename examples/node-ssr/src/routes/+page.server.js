import { env } from "$env/dynamic/private";

import { ask, parse } from "$lib/services.js";

export async function load({ setHeaders }) {
  setHeaders({ "Cache-Control": "no-store" });
  return { services: await ask(parse(env.SERVICES ?? "")) };
}
