import { md5 } from "../../dist/ring/md5.js";

const digest = new Uint32Array(4);

/**
 * The hash of the key modulo the number of backends that serve, as balancers without a ring do it.
 * Where that one can't be used another part of the hash is tried, then the list in its order.
 */
export class ModuloPolicy {
  *candidates(key, { backends }) {
    const serving = backends.filter(({ serves }) => serves);
    md5(key, digest);
    const seen = new Set();
    for (const part of [...digest]) {
      const backend = serving[part % serving.length];
      if (backend === undefined || seen.has(backend)) continue;
      seen.add(backend);
      yield backend;
    }
    for (const backend of serving) if (!seen.has(backend)) yield backend;
  }
}
