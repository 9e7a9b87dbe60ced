import { readdir, readFile } from "node:fs/promises";

export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

const PAGE = new URL("./page/", import.meta.url);
/** `ringway/client` as it ships; this file may run from src/ as well. */
const CLIENT = new URL("../../../dist/client/", import.meta.url);

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};

/** The demo's page and the client library that it uses, by request path. */
export async function loadPage(): Promise<ReadonlyMap<string, PageFile>> {
  const files = new Map([...(await load(PAGE, "/")), ...(await load(CLIENT, "/client/"))]);
  const index = files.get("/index.html");
  if (index !== undefined) files.set("/", index);
  return files;
}

async function load(folder: URL, path: string): Promise<[string, PageFile][]> {
  const names = await readdir(folder);
  const loaded = names.map(async (name): Promise<[string, PageFile][]> => {
    const type = types[name.slice(name.lastIndexOf(".") + 1)];
    if (type === undefined) return [];
    return [[path + name, { type, body: await readFile(new URL(name, folder)) }]];
  });
  return (await Promise.all(loaded)).flat();
}
