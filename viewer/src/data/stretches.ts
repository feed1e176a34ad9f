// Which offsets of logs are shown, so that what matters is seen and single records can be told apart:
// one stretch, or several on one scale with what lies between them left out.

export interface Stretch { from: number; to: number }

// What is around an offset that matters, in records.
const AROUND = 6;
// So many pixels a record has where there is a choice, and so many at which all is shown in one.
const WANTED = 4;
const ENOUGH = 2.2;
// The least width of a stretch, and what lies between two, in pixels.
const LEAST = 84;
export const BREAK = 16;

// Holds all of `points`; `width` is in pixels.
export function stretches(points: number[], width: number): Stretch[] {
  const sorted = [...new Set(points.map((point) => Math.max(0, point)))].sort((a, b) => a - b);
  const most = sorted[sorted.length - 1] ?? 0;
  const apart = most - (sorted[0] ?? 0);
  const room = Math.max(24, width / WANTED);
  if (apart * 1.15 <= width / ENOUGH) return [together(apart, most, width)];
  // The widest gaps are left out first, until single records can be told apart.
  const gaps = sorted.slice(1).map((to, n) => ({ at: n + 1, gap: to - sorted[n]! })).sort((a, b) => b.gap - a.gap);
  const cuts: number[] = [];
  const count = Math.floor((width + BREAK) / (LEAST + BREAK));
  let left = apart + 2 * AROUND;
  for (const { at, gap } of gaps) {
    if (left <= room || cuts.length + 1 >= count || gap <= 4 * AROUND) break;
    cuts.push(at);
    left -= gap - 2 * AROUND;
  }
  if (cuts.length === 0) return [together(apart, most, width)];
  cuts.sort((a, b) => a - b);
  const bounds = [0, ...cuts, sorted.length];
  const held = bounds.slice(1).map((to, n) => ({ from: sorted[bounds[n]!]!, to: sorted[to - 1]! }));
  // What is left of the room goes around what matters; the scale has steps, so that it does not tremble.
  const extent = held.reduce((sum, { from, to }) => sum + to - from, 0);
  const closest = Math.min(...cuts.map((at) => sorted[at]! - sorted[at - 1]!));
  const around = Math.min((Math.max(room, steps(left)) - extent) / (2 * held.length), closest / 2 - 1);
  return held.map(({ from, to }) => {
    const begin = Math.max(0, from - around);
    return { from: begin, to: to + around + (begin - (from - around)) };
  });
}

// One stretch: what differs takes about half of the width, or all where it needs it; behind it there is
// a little room.
function together(apart: number, most: number, width: number): Stretch {
  const span = steps(Math.max(24, Math.min(width / 8, 60), Math.min(apart * 1.9, Math.max(apart * 1.15, width / WANTED))));
  const to = Math.max(most + span * 0.07, span);
  return { from: Math.max(0, to - span), to };
}

const steps = (span: number): number => 2 ** (Math.ceil(Math.log2(span) * 4) / 4);
