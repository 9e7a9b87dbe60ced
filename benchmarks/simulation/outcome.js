/** One scenario's outcome with one variant. */
export function outcomeOf(outcomes, scenario, variant) {
  return outcomes.find((one) => one.scenario === scenario && one.variant === variant);
}

export const percent = (share) => `${Number((share * 100).toPrecision(share < 0.1 ? 2 : 3))} %`;
export const grouped = (number) => Math.round(number).toLocaleString("en-US");
