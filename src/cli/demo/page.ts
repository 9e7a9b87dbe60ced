import { readFile } from "node:fs/promises";

export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

const files = [
  { path: "/", name: "index.html", type: "text/html; charset=utf-8" },
  { path: "/page.css", name: "page.css", type: "text/css; charset=utf-8" },
  { path: "/page.js", name: "page.js", type: "text/javascript; charset=utf-8" },
] as const;

/** The demo's page by request path. */
export async function loadPage(): Promise<ReadonlyMap<string, PageFile>> {
  const loaded = files.map(async ({ path, name, type }) => {
    const body = await readFile(new URL(`./page/${name}`, import.meta.url));
    return [path, { type, body }] as const;
  });
  return new Map(await Promise.all(loaded));
}
