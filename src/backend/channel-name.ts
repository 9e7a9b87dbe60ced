import { FleetError } from "./fleet-error.ts";

export const MAX_CHANNEL_NAME = 128;
const NAME = /^[A-Za-z0-9_.:/@=+~!$,-]{1,128}$/;

/**
 * Names are the same on every broker: 1 to 128 of the characters `A–Z a–z 0–9 _ . : / @ = + ~ ! $ , -`.
 * There are no wildcards.
 *
 * @throws FleetError `bad_channel_name`
 */
export function checkChannelName(name: string): void {
  if (NAME.test(name)) return;
  const shown = JSON.stringify(name.slice(0, MAX_CHANNEL_NAME));
  throw new FleetError(
    "bad_channel_name",
    `${shown} is no channel: use 1 to ${MAX_CHANNEL_NAME} of A-Z a-z 0-9 _ . : / @ = + ~ ! $ , -`,
  );
}
