import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const TIME = "Time and chance are injected: core/clock.ts, core/random.ts.";
const LOG = "Log through core/logger.ts; only the command line (src/cli) writes to process.stdout.";
const SKIPPED = "A test that does not run is a defect: repair it or delete it.";

const forbiddenSyntax = [
  {
    selector: "ExportDefaultDeclaration, ExportSpecifier[exported.name='default']",
    message: "Export by name, so that a thing has one name everywhere.",
  },
  { selector: "TSEnumDeclaration", message: "Use a union of string literals." },
  { selector: "TSExportAssignment, TSImportEqualsDeclaration", message: "Use ES modules." },
];

const forbiddenClockSyntax = [
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: TIME },
  { selector: "CallExpression[callee.name='Date']", message: TIME },
];

const forbiddenClockGlobals = [
  "setTimeout",
  "setInterval",
  "setImmediate",
  "clearTimeout",
  "clearInterval",
  "clearImmediate",
].map((name) => ({ name, message: TIME }));

const forbiddenClockProperties = [
  { object: "Date", property: "now", message: TIME },
  { object: "performance", property: "now", message: TIME },
  { object: "process", property: "hrtime", message: TIME },
  { object: "AbortSignal", property: "timeout", message: TIME },
];

const forbiddenClockImports = [
  ...["node:timers", "node:timers/promises", "timers", "timers/promises"],
  ...["node:perf_hooks", "perf_hooks"],
].map((name) => ({ name, message: TIME }));

const forbiddenChanceProperties = [
  { object: "Math", property: "random", message: TIME },
  { object: "crypto", property: "randomUUID", message: TIME },
  { object: "crypto", property: "getRandomValues", message: TIME },
];

const forbiddenChanceImports = ["node:crypto", "crypto"].map((name) => ({
  name,
  importNames: ["randomBytes", "randomFill", "randomFillSync", "randomInt", "randomUUID"],
  message: TIME,
}));

const forbiddenOutputGlobals = [{ name: "console", message: LOG }];
const forbiddenOutputProperties = ["stdout", "stderr"].map((property) => ({
  object: "process",
  property,
  message: LOG,
}));

/** `it.skip`, `describe.concurrent.only`, `test["todo"]`, `it("…", { skip: true })`, `context.skip()`. */
const NOT_RUN = "/^(only|skip|skipIf|runIf|todo|fails)$/";
const SUITE = "/^(it|test|describe|suite)$/";
const forbiddenInTests = [
  ...["object.name", "object.object.name", "object.callee.object.name"].flatMap((owner) => [
    `MemberExpression[property.name=${NOT_RUN}][${owner}=${SUITE}]`,
    `MemberExpression[property.value=${NOT_RUN}][${owner}=${SUITE}]`,
  ]),
  `CallExpression[callee.name=${SUITE}] > ObjectExpression > Property[key.name=${NOT_RUN}]`,
  "CallExpression[callee.name='skip']",
  "CallExpression[callee.property.name='skip'][callee.object.name=/^(context|ctx|task)$/]",
].map((selector) => ({ selector, message: SKIPPED }));

export default defineConfig(
  globalIgnores(["dist/", "coverage/", "benchmarks/results/"]),
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // The costliest bug of this field is a promise that nobody waits for.
      "@typescript-eslint/no-floating-promises": ["error", { checkThenables: true }],
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: true }],
      // Inside `try`, a promise that is returned without `await` escapes its `catch`.
      "@typescript-eslint/return-await": ["error", "in-try-catch"],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/consistent-type-imports": [
        "error",
        { fixStyle: "inline-type-imports", disallowTypeAnnotations: true },
      ],
      "@typescript-eslint/consistent-type-exports": "error",
      // `import { type A }` is still an import at run time under verbatimModuleSyntax.
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/prefer-readonly": "error",
      "@typescript-eslint/explicit-module-boundary-types": "error",
      // `() => clearTimeout(timer)` says what it does.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      "@typescript-eslint/prefer-nullish-coalescing": "error",
      // TypeScript keeps what it narrowed across calls that change it: a state that is read again
      // after a call would be reported, and removing that test would be the bug.
      "@typescript-eslint/no-unnecessary-condition": "off",
    },
  },
  {
    // Those of ESLint's own rules that find bugs and that TypeScript does not cover.
    rules: {
      "array-callback-return": "error",
      eqeqeq: "error",
      "no-async-promise-executor": "error",
      "no-case-declarations": "error",
      "no-constant-binary-expression": "error",
      "no-constant-condition": ["error", { checkLoops: "allExceptWhileTrue" }],
      "no-constructor-return": "error",
      "no-control-regex": "error",
      "no-debugger": "error",
      "no-dupe-else-if": "error",
      "no-duplicate-case": "error",
      "no-empty": "error",
      "no-empty-character-class": "error",
      "no-empty-pattern": "error",
      "no-irregular-whitespace": "error",
      "no-loss-of-precision": "error",
      "no-misleading-character-class": "error",
      "no-self-assign": "error",
      "no-self-compare": "error",
      "no-sparse-arrays": "error",
      // `for (const first of set) { …; break; }` is how a set gives its first member.
      "no-unreachable-loop": ["error", { ignore: ["ForOfStatement"] }],
      "no-unsafe-finally": "error",
      "no-unsafe-optional-chaining": "error",
      "no-useless-escape": "error",
      "no-var": "error",
      "preserve-caught-error": "error",
      "prefer-const": "error",
      "no-restricted-syntax": ["error", ...forbiddenSyntax],
    },
  },
  {
    files: ["src/**", "test/**"],
    rules: {
      "max-lines": ["error", { max: 300, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: { "@typescript-eslint/max-params": ["error", { max: 3 }] },
  },
  // A rule's options are replaced, not merged: each list of the next entries is a full one.
  {
    files: ["src/**"],
    rules: {
      "no-restricted-syntax": ["error", ...forbiddenSyntax, ...forbiddenClockSyntax],
      "no-restricted-globals": restrictGlobals(forbiddenClockGlobals, forbiddenOutputGlobals),
      "no-restricted-properties": [
        "error",
        ...forbiddenClockProperties,
        ...forbiddenChanceProperties,
        ...forbiddenOutputProperties,
      ],
      "no-restricted-imports": ["error", ...forbiddenClockImports, ...forbiddenChanceImports],
    },
  },
  {
    files: ["src/cli/**"],
    rules: {
      "no-restricted-properties": [
        "error",
        ...forbiddenClockProperties,
        ...forbiddenChanceProperties,
      ],
    },
  },
  {
    // Runs in a browser, where nothing can be injected.
    files: ["src/cli/demo/page/**"],
    rules: { "no-restricted-globals": "off", "no-restricted-properties": "off" },
  },
  {
    files: ["src/core/clock.ts"],
    rules: {
      "no-restricted-syntax": ["error", ...forbiddenSyntax],
      "no-restricted-globals": restrictGlobals(forbiddenOutputGlobals),
      "no-restricted-properties": [
        "error",
        ...forbiddenChanceProperties,
        ...forbiddenOutputProperties,
      ],
      "no-restricted-imports": ["error", ...forbiddenChanceImports],
    },
  },
  {
    files: ["src/core/random.ts"],
    rules: {
      "no-restricted-properties": [
        "error",
        ...forbiddenClockProperties,
        ...forbiddenOutputProperties,
      ],
      "no-restricted-imports": ["error", ...forbiddenClockImports],
    },
  },
  {
    // The one file of the client that asks its platform: what src/core has is not for browsers.
    files: ["src/client/environment.ts"],
    rules: {
      "no-restricted-globals": restrictGlobals(forbiddenOutputGlobals),
      "no-restricted-properties": ["error", ...forbiddenOutputProperties],
    },
  },
  {
    files: ["test/**"],
    rules: {
      "no-restricted-syntax": ["error", ...forbiddenSyntax, ...forbiddenInTests],
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      // Alphabets of generated texts are written `[..."abc"]`.
      "@typescript-eslint/no-misused-spread": "off",
    },
  },
  {
    // Their tools ask for a default export.
    files: ["*.config.{js,ts}", ".dependency-cruiser.js"],
    rules: { "no-restricted-syntax": "off" },
  },
);

/** Also as `globalThis.setTimeout`. */
function restrictGlobals(...globals) {
  return ["error", { globals: globals.flat(), checkGlobalObject: true }];
}
