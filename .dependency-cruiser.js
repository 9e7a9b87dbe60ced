const base = ["core", "wire", "ring", "redis"];
const pools = [...base, "upstream", "policy", "session"];
const edge = [...pools, "health", "discovery", "proxy", "admin", "config"];

/**
 * Which of our folders each folder may import, from low to high (docs/architecture.md). Everything
 * else is forbidden, types included; what stands in one layer does not import its neighbours.
 */
const MAY_IMPORT = {
  core: [],
  wire: ["core"],
  ring: ["core"],
  redis: ["core"],
  upstream: base,
  policy: base,
  session: base,
  health: [...base, "upstream"],
  discovery: [...base, "upstream"],
  proxy: pools,
  admin: [...pools, "proxy"],
  config: [...pools, "health", "discovery", "proxy"],
  // The composition root of the edge.
  "edge.ts": edge,
  // The fleet library stands beside the edge and never meets it.
  backend: base,
  cli: [...edge, "edge.ts", "backend", "client"],
  // In browsers: types of ours, never our code. See the rule client-to-code.
  client: [...edge, "edge.ts", "backend", "cli"],
};

const folders = Object.keys(MAY_IMPORT);

/** One rule for each forbidden edge: `core-to-wire`, `upstream-to-policy`, … */
const directions = folders.flatMap((from) =>
  folders
    .filter((to) => to !== from && !MAY_IMPORT[from].includes(to))
    .map((to) => ({
      name: `${nameOf(from)}-to-${nameOf(to)}`,
      severity: "error",
      from: { path: pathOf(from) },
      to: { path: pathOf(to) },
    })),
);

const others = [
  {
    name: "client-to-code",
    comment: "The client library runs in browsers: of ours it imports types only.",
    from: { path: pathOf("client") },
    to: { path: "^src/", pathNot: pathOf("client"), dependencyTypesNot: ["type-only"] },
  },
  {
    name: "from-unknown-folder",
    comment: "Every file of src belongs to a folder with a direction; add new ones to MAY_IMPORT.",
    from: { path: "^src/", pathNot: folders.map(pathOf) },
    to: {},
  },
  {
    name: "to-unknown-folder",
    from: {},
    to: { path: "^src/", pathNot: folders.map(pathOf) },
  },
  {
    name: "src-to-test",
    comment: "What ships does not know what tests it.",
    from: { path: "^src/" },
    to: { path: "^(test|benchmarks|dist)/" },
  },
  {
    name: "cycle",
    from: {},
    to: { circular: true },
  },
  {
    name: "orphan",
    comment: "Imports nothing and is not imported. Entries are called by name from elsewhere.",
    from: {
      orphan: true,
      // Types beside JavaScript are found by its name.
      pathNot: ["^src/edge\\.ts$", "^src/cli/main\\.ts$", "^src/cli/demo/page/", "\\.d\\.ts$"],
    },
    to: {},
  },
  {
    name: "src-to-dev-dependency",
    comment: "Whoever installs the package does not get its development dependencies.",
    from: { path: "^src/" },
    to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["npm-peer"] },
  },
  {
    name: "optional-peer",
    comment: "Clients of brokers are loaded when their broker is asked for; until then types only.",
    from: { path: "^src/", pathNot: "^src/backend/broker/(nats|kafka)" },
    to: { dependencyTypes: ["npm-peer"] },
  },
  {
    name: "static-import-of-optional-peer",
    from: { path: "^src/" },
    to: { dependencyTypes: ["npm-peer"], dependencyTypesNot: ["type-only", "dynamic-import"] },
  },
  {
    name: "to-undeclared-package",
    comment: "A peer that is a development dependency as well is taken for undeclared.",
    from: {},
    to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["npm-peer"] },
  },
  {
    name: "unresolvable",
    comment: "dist/ need not be built for a check of the sources; pages import by their URLs.",
    from: { pathNot: ["^src/cli/demo/page/", "^test/support/client-page\\.js$"] },
    to: { couldNotResolve: true, pathNot: "/dist/" },
  },
];

function nameOf(folder) {
  return folder.replace(".ts", "");
}

function pathOf(folder) {
  return folder.endsWith(".ts") ? `^src/${folder.replace(".", "\\.")}$` : `^src/${folder}/`;
}

export default {
  forbidden: [...directions, ...others.map((rule) => ({ ...rule, severity: "error" }))],
  options: {
    // Type imports keep to the directions, too.
    tsPreCompilationDeps: true,
    doNotFollow: { path: ["node_modules", "^dist/"] },
    // As Node.js resolves an import.
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["node", "import", "default"],
    },
  },
};
