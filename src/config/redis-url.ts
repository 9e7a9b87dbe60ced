import { z } from "zod";
import { formatRedisUrl, parseRedisUrl, type RedisTarget } from "../redis/redis-url.ts";

/** See {@link parseRedisUrl}. What is written back hides the password. */
export const redisUrl = z.codec(z.string(), z.custom<RedisTarget>(), {
  decode(text, context) {
    const parsed = parseRedisUrl(text);
    if (typeof parsed !== "string") return parsed;
    context.issues.push({ code: "custom", message: parsed, input: text });
    return z.NEVER;
  },
  encode: formatRedisUrl,
});
