import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { whenDone } from "./when-done.ts";

const run = promisify(execFile);

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "ringway-test-"));
  whenDone(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A self-signed certificate for these names, or one that a CA signs. */
export async function makeCertificate(
  base: string,
  names: readonly string[],
  ca?: CertificateFiles,
): Promise<CertificateFiles> {
  const files = { cert: `${base}.crt`, key: `${base}.key` };
  const san = names.map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`));
  await run("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...[
      "-days",
      "2",
      "-subj",
      `/CN=${names[0] ?? "test"}`,
      "-addext",
      `subjectAltName=${san.join(",")}`,
    ],
    ...["-keyout", files.key, "-out", files.cert],
    ...(ca === undefined ? [] : ["-CA", ca.cert, "-CAkey", ca.key]),
  ]);
  return files;
}
