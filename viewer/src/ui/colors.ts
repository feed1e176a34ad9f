// Colours by theme. A broker has one colour everywhere: its ring on the map, its leaderships on
// the timeline, and the records that were written while it led. They are Okabe and Ito's, which all
// eyes tell apart, on a light ground darker. Members of groups have colours of their own, Paul Tol's
// muted ones lighter or darker, and squares where brokers have circles. Whatever a colour tells, a
// shape, a letter or a place tells too.

import type { State, Partition } from '../data/state';

export interface Colors {
  isDark: boolean;
  back: string; pane: string; inset: string; line: string; text: string; dim: string; faint: string;
  accent: string; bad: string; fault: string; good: string; change: string; unknown: string; failed: string; acked: string;
  cursor: string; none: string;
  nodes: string[];
  members: string[];
  families: Record<Family, string>;
}

export type Family = 'produce' | 'replicate' | 'consume' | 'quorum' | 'control';

export const FAMILY_NAMES: Record<Family, string> = {
  produce: 'produce', replicate: 'replicate', consume: 'consume', quorum: 'quorum', control: 'control',
};

const DARK: Colors = {
  isDark: true,
  back: '#0e1218', pane: '#151b23', inset: '#0f141b', line: '#2a333f', text: '#e8edf3', dim: '#a3b0bf', faint: '#3a4654',
  accent: '#6cb6ff', bad: '#ff7b72', fault: '#f0a34a', good: '#56d39b', change: '#c4a7ff', unknown: '#e3b341', failed: '#ff8fb3', acked: '#58a6e8',
  cursor: '#ffffff', none: '#4a5563',
  nodes: ['#56b4e9', '#e69f00', '#009e73', '#cc79a7', '#f0e442', '#0072b2', '#d55e00', '#ffffff'],
  members: ['#fdbfef', '#6561ca', '#9cf7ac', '#706f04', '#4e91b1', '#af4777', '#5ec2b1', '#a0903a'],
  families: { produce: '#6cb6ff', replicate: '#56d39b', consume: '#e3c04f', quorum: '#c4a7ff', control: '#8d9bab' },
};

const LIGHT: Colors = {
  isDark: false,
  back: '#eef1f5', pane: '#ffffff', inset: '#f4f6f9', line: '#d4dae2', text: '#18202a', dim: '#4d5a69', faint: '#c3ccd6',
  accent: '#0b62c4', bad: '#c62b25', fault: '#a85b00', good: '#0f7b4f', change: '#6d3fc0', unknown: '#8f6a00', failed: '#b8316a', acked: '#1d6fb8',
  cursor: '#101820', none: '#a9b4c0',
  nodes: ['#0072b2', '#b97f07', '#009e73', '#914471', '#595407', '#00324a', '#592000', '#000000'],
  members: ['#cc6677', '#42379d', '#5295b5', '#747300', '#7e174c', '#003d13', '#45003c', '#1d1600'],
  families: { produce: '#0b62c4', replicate: '#0f7b4f', consume: '#8f6a00', quorum: '#6d3fc0', control: '#66727f' },
};

export function colorsOf(theme: string): Colors {
  return theme === 'light' ? LIGHT : DARK;
}

export function nodeColor(colors: Colors, state: State, node: number | null): string {
  if (node === null) return colors.none;
  const brokers = state.run.brokers.findIndex((host) => host.node === node);
  if (brokers >= 0) return colors.nodes[brokers % colors.nodes.length]!;
  const controllers = state.run.controllers.findIndex((host) => host.node === node);
  return controllers >= 0 ? colors.nodes[(controllers + 3) % colors.nodes.length]! : colors.none;
}

const memberships = new WeakMap<State, Map<number, number>>();

// The colour of a host that is a member of a group at some time; null for others.
export function memberColor(colors: Colors, state: State, host: number): string | null {
  let known = memberships.get(state);
  if (!known) {
    const { columns } = state.run;
    const hosts = new Set<number>();
    for (const event of columns.kind('member-state-entered')?.events ?? []) hosts.add(columns.host[event]!);
    memberships.set(state, known = new Map([...hosts].sort((a, b) => a - b).map((one, place) => [one, place])));
  }
  const place = known.get(host);
  return place === undefined ? null : colors.members[place % colors.members.length]!;
}

// What is written on `color` so that it can be read: dark, or white.
export function inkOn(color: string): string {
  const known = inks.get(color);
  if (known) return known;
  const [red, green, blue] = [1, 3, 5].map((at) => (parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2);
  const ink = 0.2126 * red! + 0.7152 * green! + 0.0722 * blue! > 0.19 ? '#0b0f14' : '#ffffff';
  inks.set(color, ink);
  return ink;
}

const inks = new Map<string, string>();

const shades = new WeakMap<Partition, Map<number, number>>();

// The colour of what was written in `epoch`: its leader's; a second epoch of one leader is told
// from the first by its shade.
export function epochColor(colors: Colors, state: State, partition: Partition, epoch: number): string {
  const leader = partition.leaders.get(epoch) ?? null;
  let known = shades.get(partition);
  if (!known) {
    known = new Map();
    const met = new Map<number, number>();
    for (const [number, node] of [...partition.leaders].sort((a, b) => a[0] - b[0])) {
      const nth = met.get(node) ?? 0;
      known.set(number, nth);
      met.set(node, nth + 1);
    }
    shades.set(partition, known);
  }
  const base = nodeColor(colors, state, leader);
  return shade(base, [0, 0.26, -0.26][(known.get(epoch) ?? 0) % 3]!);
}

export function shade(color: string, by: number): string {
  if (by === 0) return color;
  const to = by > 0 ? 255 : 0;
  const parts = [1, 3, 5].map((at) => {
    const value = parseInt(color.slice(at, at + 2), 16);
    return Math.round(value + (to - value) * Math.abs(by)).toString(16).padStart(2, '0');
  });
  return `#${parts.join('')}`;
}

export function alpha(color: string, by: number): string {
  return `${color}${Math.round(by * 255).toString(16).padStart(2, '0')}`;
}

export function faultColor(colors: Colors, verb: string): string {
  return verb === 'crash' || verb === 'replace-disk' || verb === 'fail-disk' ? colors.bad : colors.fault;
}
