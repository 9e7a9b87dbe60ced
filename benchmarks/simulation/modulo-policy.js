import { md5 } from "../../dist/ring/md5.js";

const digest = new Uint32Array(4);

/**
 * The hash of the key modulo the number of backends that serve, as balancers without a ring do it;
 * those behind it in the list come next.
 */
export class ModuloPolicy {
  *candidates(key, { backends }) {
    const serving = backends.filter(({ serves }) => serves);
    md5(key, digest);
    const start = digest[0] % Math.max(1, serving.length);
    for (let i = 0; i < serving.length; i++) yield serving[(start + i) % serving.length];
  }
}
