import { isAlias, isMap, isNode, isScalar, isSeq } from "yaml";
import type { Alias, Node, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { substitute, type Environment, type UsedVariable } from "./environment.ts";
import { insidePath, subjectOf, type Path } from "./path.ts";
import type { ProblemList } from "./problem-list.ts";
import { MAX_DEPTH, tooDeepProblem, type YamlTree } from "./yaml-tree.ts";

/** Plain values, and what only the tree knew about them. */
export interface ReadValue {
  readonly value: unknown;
  readonly aliasTargets: ReadonlyMap<Node, Node>;
  /** Scalars whose value came from the environment, as the file has them. */
  readonly written: ReadonlyMap<Node, string>;
  /** Scalars without a value: their problem is known, whatever else a schema says. */
  readonly unreadable: ReadonlySet<Node>;
  readonly variables: readonly UsedVariable[];
}

/** What aliases stand for, altogether: a few lines of them could otherwise mean billions. */
const MAX_ALIASED_VALUES = 50_000;

/** A value, how many values it is with all inside, and how many levels are inside. */
interface Reading {
  readonly value: unknown;
  readonly count: number;
  readonly height: number;
}

/** Adds what is wrong with keys, aliases and variables to the problems. */
export function readValue(tree: YamlTree, env: Environment, problems: ProblemList): ReadValue {
  const reader = new ValueReader(tree, env, problems);
  const { value } = reader.read(tree.root, []);
  return { ...reader.seen, value };
}

class ValueReader {
  readonly seen = {
    aliasTargets: new Map<Node, Node>(),
    written: new Map<Node, string>(),
    unreadable: new Set<Node>(),
    variables: [] as UsedVariable[],
  };
  readonly #tree: YamlTree;
  readonly #env: Environment;
  readonly #problems: ProblemList;
  /** The latest node of each name; without a reading while it is being read itself. */
  readonly #anchors = new Map<string, { readonly node: Node; readonly reading?: Reading }>();
  #aliasedValues = 0;

  constructor(tree: YamlTree, env: Environment, problems: ProblemList) {
    this.#tree = tree;
    this.#env = env;
    this.#problems = problems;
  }

  read(node: unknown, path: Path): Reading {
    if (isAlias(node)) return this.#readAlias(node, path);
    const anchor = anchorOf(node);
    if (anchor !== undefined && isNode(node)) this.#anchors.set(anchor, { node });
    const reading = this.#readContent(node, path);
    if (anchor !== undefined && isNode(node)) this.#anchors.set(anchor, { node, reading });
    return reading;
  }

  #readContent(node: unknown, path: Path): Reading {
    if (isMap(node)) return this.#readMap(node, path);
    if (isSeq(node)) return this.#readSeq(node, path);
    return leaf(isScalar(node) ? this.#readScalar(node, path) : null);
  }

  #readMap(map: YAMLMap, path: Path): Reading {
    const value: Record<string, unknown> = {};
    const offsets = new Map<string, number>();
    const inside: Reading[] = [];
    for (const pair of map.items) {
      const key = keyOf(pair.key, this.#tree);
      const offset = offsetOf(pair.key) ?? offsetOf(pair.value) ?? offsetOf(map) ?? 0;
      const anchor = anchorOf(pair.key);
      if (anchor !== undefined && isNode(pair.key)) {
        this.#anchors.set(anchor, { node: pair.key, reading: leaf(key) });
      }
      const reading = this.read(pair.value, [...path, key]);
      inside.push(reading);
      const first = offsets.get(key);
      if (first !== undefined) {
        const { line } = this.#problems.placeOf(first);
        const message = `key ${JSON.stringify(key)} is written twice${insidePath(path)}; first in line ${String(line)}`;
        this.#problems.add(offset, message);
      } else if (key === "__proto__") {
        // Assigning it would change the prototype; schemas of free keys would drop it in silence.
        this.#problems.add(offset, `unknown key "__proto__"${insidePath(path)}`);
      } else {
        value[key] = reading.value;
      }
      offsets.set(key, first ?? offset);
    }
    return this.#collection({ value, inside, offset: offsetOf(map) });
  }

  #readSeq(seq: YAMLSeq, path: Path): Reading {
    const inside = seq.items.map((item, index) => this.read(item, [...path, index]));
    const value = inside.map((reading) => reading.value);
    return this.#collection({ value, inside, offset: offsetOf(seq) });
  }

  #readScalar(scalar: Scalar, path: Path): unknown {
    if (typeof scalar.value !== "string") return scalar.value;
    const text = this.#tree.restore(scalar.value);
    const substitution = substitute(text, this.#env);
    if (substitution === undefined) return text;
    if (substitution.used.length > 0) this.seen.written.set(scalar, text);
    this.seen.variables.push(...substitution.used);
    for (const problem of substitution.problems) {
      this.seen.unreadable.add(scalar);
      this.#problems.add(offsetOf(scalar) ?? 0, `${subjectOf(path)} ${problem}`);
    }
    return substitution.text;
  }

  #readAlias(alias: Alias, path: Path): Reading {
    const offset = offsetOf(alias) ?? 0;
    const target = this.#anchors.get(alias.source);
    if (target?.reading === undefined) {
      const problem =
        target === undefined
          ? `has *${alias.source}, but no &${alias.source} stands before it`
          : `has *${alias.source} inside of &${alias.source} itself`;
      this.#problems.add(offset, `${subjectOf(path)} ${problem}`);
      this.seen.unreadable.add(alias);
      return leaf(null);
    }
    this.seen.aliasTargets.set(alias, target.node);
    this.#aliasedValues += target.reading.count;
    if (this.#aliasedValues > MAX_ALIASED_VALUES) {
      const limit = String(MAX_ALIASED_VALUES);
      this.#problems.fail(offset, `aliases stand for too many values: at most ${limit}`);
    }
    return target.reading;
  }

  #collection(parts: { value: unknown; inside: Reading[]; offset: number | undefined }): Reading {
    let count = 1;
    let height = 0;
    for (const reading of parts.inside) {
      count += reading.count;
      height = Math.max(height, reading.height + 1);
    }
    if (height > MAX_DEPTH) this.#problems.fail(parts.offset ?? 0, tooDeepProblem);
    return { value: parts.value, count, height };
  }
}

/** The key's text as the schema sees it. The parser has refused keys that are not text. */
export function keyOf(key: unknown, tree: YamlTree): string {
  return isScalar(key) ? tree.restore(String(key.value)) : "";
}

export function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

function anchorOf(node: unknown): string | undefined {
  return isNode(node) && "anchor" in node ? node.anchor : undefined;
}

function leaf(value: unknown): Reading {
  return { value, count: 1, height: 0 };
}
