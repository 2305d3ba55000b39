/** The services that the page is about, and whether they answer. */

const PATIENCE = 2000;

/** Read `NAME=URL` pairs, with commas between them; what is none is an error. */
export function parse(text) {
  return text
    .split(",")
    .map((pair) => pair.trim())
    .filter(Boolean)
    .map((pair) => {
      const cut = pair.indexOf("=");
      const [name, url] = [pair.slice(0, cut), pair.slice(cut + 1)];
      if (cut < 1 || !URL.canParse(url) || !/^https?:/.test(url)) {
        throw new Error(`SERVICES has no NAME=URL: ${pair}`);
      }
      return { name, url };
    });
}

/** Ask all services at once; each is `well` if it answers in time and without an error. */
export async function ask(services) {
  return Promise.all(
    services.map(async ({ name, url }) => {
      try {
        const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE) });
        await answer.body?.cancel();
        return { name, well: answer.ok };
      } catch {
        return { name, well: false };
      }
    }),
  );
}
