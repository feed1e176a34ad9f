// The run that stands in the page: two blocks of data, one JSON, one base64 of gzip.

import { Columns } from './columns';
import { Run, VIEW_FORMAT, type Head } from './run';

// A page that was cut or tampered with shall end in a sentence, not in a full memory.
const EXPANDED_MAX = 1 << 30;

export function decodeBase64(text: string): Uint8Array {
  const whole = text.trim();
  const from = (Uint8Array as unknown as { fromBase64?: (text: string) => Uint8Array }).fromBase64;
  if (from) return from(whole);
  const binary = atob(whole);
  const bytes = new Uint8Array(binary.length);
  for (let n = 0; n < binary.length; n++) bytes[n] = binary.charCodeAt(n);
  return bytes;
}

export async function gunzip(packed: Uint8Array, expanded: number): Promise<Uint8Array> {
  if (!(expanded >= 0 && expanded <= EXPANDED_MAX)) throw new Error('the run is too large for a page');
  const stream = new Blob([packed as BlobPart]).stream().pipeThrough(new DecompressionStream('gzip'));
  const out = new Uint8Array(expanded);
  let at = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > expanded) throw new Error('the run is longer than it says');
    out.set(value, at);
    at += value.length;
  }
  if (at !== expanded) throw new Error('the run is shorter than it says');
  return out;
}

export function readHead(text: string): Head {
  const head = JSON.parse(text) as Head;
  if (head.view_format > VIEW_FORMAT) {
    throw new Error('a newer kafsim made this page\'s run; make the page with `kafsim view` again');
  }
  return head;
}

export async function readRun(headText: string, base64: string): Promise<Run> {
  const head = readHead(headText);
  const container = await gunzip(decodeBase64(base64), head.expanded);
  return new Run(head, new Columns(container));
}
