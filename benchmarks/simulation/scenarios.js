import { reconnectStorm } from "./reconnect-storm.js";
import { rollingDeploy } from "./rolling-deploy.js";
import { scaleOut } from "./scale-out.js";
import { zoneLoss } from "./zone-loss.js";

/** Every scenario by its name in the results. */
export const SCENARIOS = {
  scaleOut: { label: "20 backends more", run: scaleOut },
  zoneLoss: { label: "a zone is lost", run: zoneLoss },
  rollingDeploy: { label: "rolling deploy", run: rollingDeploy },
  reconnectStorm: { label: "everybody reconnects", run: reconnectStorm },
};
