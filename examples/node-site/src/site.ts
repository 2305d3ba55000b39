/** The site: what is answered to a request. */

import type { RequestListener } from "node:http";

import type { Book, Page } from "./book.ts";

const HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

/** Return what answers for a handbook. */
export function make(book: Book): RequestListener {
  return (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://site");
    const [status, title, body] = answer(book, pathname, searchParams.get("q") ?? "");
    response.writeHead(status, HEADERS).end(whole(title, body));
  };
}

function answer(book: Book, path: string, words: string): [number, string, string] {
  if (path === "/") {
    return [200, "Handbook", list([...book.pages.values()])];
  }
  if (path === "/search") {
    return [200, `Search: ${words}`, list(book.find(words))];
  }
  const page = book.pages.get(path.slice(1));
  return page ? [200, page.title, page.html] : [404, "Not found", "<p>There is no such page.</p>"];
}

function list(pages: Page[]): string {
  const lines = pages.map((p) => `<li><a href="/${escape(p.name)}">${escape(p.title)}</a></li>`);
  return `<ul>${lines.join("")}</ul>`;
}

function whole(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>
<style>body{font:1rem/1.5 sans-serif;max-width:40rem;margin:2rem auto}</style>
<form action="/search"><a href="/">Handbook</a> <input name="q" type="search"></form>
${body}</html>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (found) => `&#${found.charCodeAt(0)};`);
}
