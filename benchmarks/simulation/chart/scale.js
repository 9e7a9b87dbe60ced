/** Ticks that read well: 1, 2 or 5 times a power of ten apart. */
export function linearScale({ from, to, pixels: [start, end], ticks: count = 6 }) {
  const rough = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const top = from + Math.ceil((to - from) / step - 1e-9) * step;
  const ticks = [];
  for (let i = 0; from + i * step <= top + step / 2; i++) ticks.push(from + i * step);
  return { ticks, at: (value) => start + ((value - from) / (top - from)) * (end - start), top };
}

/** @param ticks the first and the last of them are the ends */
export function logScale({ ticks, pixels: [start, end] }) {
  const from = Math.log(ticks[0]);
  const length = Math.log(ticks.at(-1)) - from;
  return {
    ticks,
    at: (value) => start + ((Math.log(value) - from) / length) * (end - start),
    top: ticks.at(-1),
  };
}
