import { describe, expect, it } from "vitest";
import type { FrameScannerOptions } from "../../src/wire/frame-scanner.ts";
import {
  closePayload,
  cut,
  feed,
  frame,
  type FrameShape,
  OPCODE,
  scanner,
} from "../support/frames.ts";

const MASK = Buffer.from([0x81, 0x05, 0x88, 0xff]);

type Rule = [
  what: string,
  detail: string,
  bad: FrameShape[],
  options?: Partial<FrameScannerOptions>,
];

const deflate = { reserved: "deflate" } as const;
const anything = { reserved: "any" } as const;
const { text, binary, continuation, close, ping, pong } = OPCODE;
const start: FrameShape = { fin: false, payload: "a" };

const rules: Rule[] = [
  ["a client leaves out the mask", "not masked", [{ payload: "a" }], { masked: true }],
  ["a client leaves out the mask of a ping", "not masked", [{ opcode: ping }], { masked: true }],
  ["a client masks only the first of two", "not masked", [{ mask: MASK }, {}], { masked: true }],
  ["a backend masks", "a masked frame", [{ mask: MASK, payload: "a" }]],
  ["a backend masks a Close", "a masked frame", [{ opcode: close, mask: MASK }]],
  ["RSV1 is set", "reserved bit", [{ rsv: 4 }]],
  ["RSV2 is set", "reserved bit", [{ rsv: 2 }]],
  ["RSV3 is set", "reserved bit", [{ rsv: 1 }]],
  ["RSV1 is set on a ping", "reserved bit", [{ opcode: ping, rsv: 4 }]],
  ["RSV2 is set under deflate", "reserved bit", [{ rsv: 2 }], deflate],
  ["RSV3 is set under deflate", "reserved bit", [{ rsv: 1 }], deflate],
  ["RSV1 and RSV2 are set under deflate", "reserved bit", [{ rsv: 6 }], deflate],
  ["RSV1 is on a continuation", "reserved bit", [start, { opcode: continuation, rsv: 4 }], deflate],
  ["RSV1 is on a ping under deflate", "reserved bit", [{ opcode: ping, rsv: 4 }], deflate],
  ["RSV1 is on a pong under deflate", "reserved bit", [{ opcode: pong, rsv: 4 }], deflate],
  ["RSV1 is on a Close under deflate", "reserved bit", [{ opcode: close, rsv: 4 }], deflate],
  ["RSV1 is on a reserved opcode", "reserved bit", [{ opcode: 3, rsv: 4 }], deflate],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode): Rule[] => [
    [`opcode ${opcode} is used`, "reserved opcode", [{ opcode }]],
    [`opcode ${opcode} is used under deflate`, "reserved opcode", [{ opcode }], deflate],
  ]),
  ...[close, ping, pong].flatMap((opcode): Rule[] => {
    const cutShort = { opcode, fin: false };
    return [
      [`control frame ${opcode} is a fragment`, "control frame is fragmented", [cutShort]],
      [`control frame ${opcode} is one, of anything`, "fragmented", [cutShort], anything],
      [`control frame ${opcode} has 126 bytes`, "over 125", [{ opcode, payload: "x".repeat(126) }]],
      [`control frame ${opcode} is huge`, "over 125", [{ opcode, claims: 2n ** 20n }], anything],
      [
        `control frame ${opcode} writes 5 in 16 bits`,
        "over 125",
        [{ opcode, claims: 5n, lengthBits: 16 }],
      ],
    ];
  }),
  ["an unknown control frame is long", "over 125", [{ opcode: 11, claims: 126n }], anything],
  ["0 is written in 16 bits", "shortest", [{ lengthBits: 16 }]],
  ["125 is written in 16 bits", "shortest", [{ claims: 125n, lengthBits: 16 }]],
  ["0 is written in 64 bits", "shortest", [{ lengthBits: 64 }]],
  ["126 is written in 64 bits", "shortest", [{ claims: 126n, lengthBits: 64 }]],
  ["65535 is written in 64 bits", "shortest", [{ claims: 65_535n, lengthBits: 64 }]],
  ["a long form is written for anything", "shortest", [{ lengthBits: 16 }], anything],
  ["the top bit of a length is set", "shortest", [{ claims: 2n ** 63n }]],
  ["all bits of a length are set", "shortest", [{ claims: 2n ** 64n - 1n }]],
  ["nothing is continued", "continuation of nothing", [{ opcode: continuation }]],
  ["a whole message is continued", "continuation of nothing", [{}, { opcode: continuation }]],
  [
    "an ended message is continued",
    "continuation of nothing",
    [start, { opcode: continuation }, { opcode: continuation, fin: false }],
  ],
  ["a text begins inside a message", "inside another", [start, { opcode: text }]],
  ["a binary begins inside a message", "inside another", [start, { opcode: binary, fin: false }]],
  ["one begins behind a ping", "inside another", [start, { opcode: ping }, { opcode: text }]],
  [
    "one begins inside a deflated one",
    "inside another",
    [{ ...start, rsv: 4 }, { rsv: 4 }],
    deflate,
  ],
  ["a Close has one byte", "half a code", [{ opcode: close, payload: "x" }]],
];

describe("the rules of RFC 6455 §5", () => {
  it.each(rules)("are broken when %s", (_, detail, shapes, options = {}) => {
    const mask = options.masked === true ? undefined : MASK;
    for (const masked of mask === undefined ? [true] : [false, true]) {
      // A client's frames are masked, unless that is the rule in question.
      if (masked && mask !== undefined && shapes.some((shape) => shape.mask !== undefined))
        continue;
      const frames = shapes.map((shape) => frame(masked && mask ? { ...shape, mask } : shape));
      const before = frame({ payload: "good", mask: masked ? MASK : undefined });
      const good = Buffer.concat([before, ...frames.slice(0, -1)]);
      const bytes = Buffer.concat([before, ...frames, before]);
      for (const sizes of [[bytes.length], [1], [3], [5, 2]]) {
        const scanned = scanner({ ...options, masked, wholeFrameBytes: 0 });
        const released = feed(scanned, cut(bytes, sizes));
        expect(scanned.fault).toBe("protocol_error");
        expect(scanned.faultDetail).toContain(detail);
        expect(scanned.frames).toBe(shapes.length);
        expect(scanned.isStopped()).toBe(true);
        expect(released.equals(good)).toBe(true);
        expect(scanned.scan(before)).toBe(0);
      }
    }
  });

  it.each<[string, FrameShape[], Partial<FrameScannerOptions>]>([
    ["RSV1 on a first frame under deflate", [{ rsv: 4, payload: "a" }], deflate],
    ["RSV1 on a first fragment", [{ ...start, rsv: 4 }, { opcode: continuation }], deflate],
    ["a message that is not deflated under deflate", [{ payload: "a" }], deflate],
    [
      "all reserved bits under an unknown extension",
      [{ rsv: 7 }, { opcode: ping, rsv: 7 }],
      anything,
    ],
    ["unknown opcodes under an unknown extension", [{ opcode: 3 }, { opcode: 11 }], anything],
    ["a Close of 125 bytes", [{ opcode: close, payload: closePayload(1000, "x".repeat(123)) }], {}],
    ["a length of 65535 in 16 bits", [{ payload: Buffer.alloc(65_535) }], {}],
    ["a length of 65536 in 64 bits", [{ payload: Buffer.alloc(65_536) }], {}],
    ["empty fragments", [{ fin: false }, { opcode: 0, fin: false }, { opcode: 0 }], {}],
  ])("allow %s", (_, shapes, options) => {
    const bytes = Buffer.concat(shapes.map(frame));
    const scanned = scanner(options);
    expect(feed(scanned, [bytes]).equals(bytes)).toBe(true);
    expect(scanned.faultDetail).toBe("");
    expect(scanned.frames).toBe(shapes.length);
  });

  it("leave the frames of an unknown extension inside a message to the peers", () => {
    const bytes = Buffer.concat([start, { opcode: 3 }, { opcode: continuation }].map(frame));
    const scanned = scanner(anything);
    expect(feed(scanned, [bytes]).equals(bytes)).toBe(true);
    expect(scanned.faultDetail).toBe("");
  });

  it("count a frame of an unknown extension by itself, not into the message around it", () => {
    const around = [
      { ...start, payload: "aa" },
      { opcode: 3, payload: "xxxx" },
    ].map(frame);
    const scanned = scanner({ ...anything, maxMessageBytes: 4 });
    feed(scanned, [...around, frame({ opcode: continuation, payload: "bb" })]);
    expect(scanned).toMatchObject({ messages: 1, frames: 3, fault: undefined });
    feed(scanned, [frame({ opcode: 3, payload: "xxxxx" })]);
    expect(scanned.fault).toBe("message_too_big");
  });

  it("are judged by the header alone: a fault needs no payload to arrive", () => {
    const scanned = scanner({ maxMessageBytes: 10 });
    expect(scanned.scan(frame({ claims: 11n }))).toBe(0);
    expect(scanned.fault).toBe("message_too_big");
  });

  it.each([2n ** 32n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n])(
    "hold for a frame that announces %d bytes, which is over any limit",
    (claims) => {
      const scanned = scanner({ maxMessageBytes: 2 ** 32 - 1 });
      expect(scanned.scan(frame({ claims }))).toBe(0);
      expect(scanned.fault).toBe("message_too_big");
    },
  );

  it("count a message anew after each end, and no control frame's bytes", () => {
    const scanned = scanner({ maxMessageBytes: 4 });
    const parts = [
      { ...start, payload: "aa" },
      { opcode: ping, payload: "long enough" },
    ];
    const message = [...parts, { opcode: continuation, payload: "bb" }].map(frame);
    feed(scanned, [...message, ...message, frame({ payload: "four" })]);
    expect(scanned.messages).toBe(3);
    feed(scanned, [frame({ payload: "fives" })]);
    expect(scanned.fault).toBe("message_too_big");
  });
});
