/** The pages of the handbook, read once and kept. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { Marked } from "marked";
import MiniSearch from "minisearch";

export interface Page {
  name: string;
  title: string;
  html: string;
}

export interface Book {
  pages: Map<string, Page>;
  find(words: string): Page[];
}

/** Read all Markdown files of a folder; the first heading of each is its title. */
export function read(folder: string): Book {
  const marked = new Marked({ gfm: true });
  const pages = new Map<string, Page>();
  const index = new MiniSearch<{ id: string; title: string; text: string }>({
    fields: ["title", "text"],
    searchOptions: { boost: { title: 2 }, prefix: true, fuzzy: 0.2 },
  });
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(".md")) {
      continue;
    }
    const text = readFileSync(join(folder, file), "utf8");
    const name = file.slice(0, -".md".length);
    const title = /^# (.+)$/m.exec(text)?.[1] ?? name;
    pages.set(name, { name, title, html: marked.parse(text, { async: false }) });
    index.add({ id: name, title, text });
  }
  return {
    pages,
    find: (words) =>
      index.search(words).flatMap(({ id }) => pages.get(String(id)) ?? []),
  };
}
