import { systemCode } from "../../core/errors.ts";
import { FleetError } from "../fleet-error.ts";

/**
 * The client of a broker, which only those install who use that broker.
 *
 * @throws FleetError `package_missing` that says what to install
 */
export async function loadOptional<T>(
  load: () => Promise<T>,
  { scheme, packages }: { readonly scheme: string; readonly packages: string },
): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (systemCode(cause) !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new FleetError(
      "package_missing",
      `${scheme}:// needs packages that are not installed: npm install ${packages}`,
      { cause },
    );
  }
}
