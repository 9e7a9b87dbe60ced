import { isMap, isNode, isSeq } from "yaml";
import type { Node, Pair, YAMLMap } from "yaml";
import type { Path } from "./path.ts";
import { keyOf, offsetOf, type ReadValue } from "./read-value.ts";
import type { YamlTree } from "./yaml-tree.ts";

interface Found {
  /** Where the key stands, or the list entry. */
  readonly keyOffset: number;
  /** The value as it is written: an alias is not followed. Absent for `key:` with nothing after. */
  readonly node: Node | undefined;
  /** Whether the whole path was there, or only its beginning. */
  readonly complete: boolean;
}

/** Finds where in the file the value at a path stands. */
export class Positions {
  readonly #tree: YamlTree;
  readonly #aliasTargets: ReadValue["aliasTargets"];
  readonly #pairs = new Map<YAMLMap, ReadonlyMap<string, Pair>>();

  constructor(tree: YamlTree, aliasTargets: ReadValue["aliasTargets"]) {
    this.#tree = tree;
    this.#aliasTargets = aliasTargets;
  }

  /** The offset of the key that leads to a value, or of the nearest there is above it. */
  key(path: Path): number {
    return this.#find(path).keyOffset;
  }

  /** The offset of a value; of its key, where the value begins in the next line or is empty. */
  value(path: Path): number {
    const { node, keyOffset, complete } = this.#find(path);
    const onLineOfKey = isMap(node) || isSeq(node) ? node.flow === true : isWritten(node);
    return complete && onLineOfKey ? (offsetOf(node) ?? keyOffset) : keyOffset;
  }

  /** The scalar, mapping or list at exactly this path, behind aliases. */
  node(path: Path): Node | undefined {
    const { node, complete } = this.#find(path);
    return complete ? this.#behindAlias(node) : undefined;
  }

  #find(path: Path): Found {
    const { root } = this.#tree;
    let found: Found = { keyOffset: offsetOf(root) ?? 0, node: root, complete: true };
    for (const step of path) {
      const next = this.#step(this.#behindAlias(found.node), step);
      if (next === undefined) return { ...found, complete: false };
      found = next;
    }
    return found;
  }

  #step(parent: Node | undefined, step: PropertyKey): Found | undefined {
    if (isSeq(parent)) {
      const item: unknown = parent.items[Number(step)];
      if (!isNode(item)) return undefined;
      return { keyOffset: offsetOf(item) ?? 0, node: item, complete: true };
    }
    if (!isMap(parent)) return undefined;
    const pair = this.#pairsOf(parent).get(String(step));
    if (pair === undefined) return undefined;
    return {
      keyOffset: offsetOf(pair.key) ?? offsetOf(parent) ?? 0,
      node: isNode(pair.value) ? pair.value : undefined,
      complete: true,
    };
  }

  /** Looked up once for each of thousands of problems, when somebody gives the wrong file. */
  #pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
    let pairs = this.#pairs.get(map);
    if (pairs === undefined) {
      // Reversed: of a key that is written twice, the first is the one that was read.
      const entries = map.items.map((pair) => [keyOf(pair.key, this.#tree), pair] as const);
      pairs = new Map(entries.reverse());
      this.#pairs.set(map, pairs);
    }
    return pairs;
  }

  #behindAlias(node: Node | undefined): Node | undefined {
    return node === undefined ? undefined : (this.#aliasTargets.get(node) ?? node);
  }
}

/** Of `key:` with nothing after it, the parser makes a node without extent. */
function isWritten(node: Node | undefined): boolean {
  const [start = 0, end = 0] = node?.range ?? [];
  return start < end;
}
