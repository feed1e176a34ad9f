// The end of a page that cannot go on: a sentence.

import { el } from './dom';

export function fail(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  let veil = document.getElementById('veil');
  if (!veil) {
    veil = el('div', { id: 'veil', role: 'status' });
    document.body.append(veil);
  }
  veil.replaceChildren(el('b', {}, 'This run cannot be shown.'), el('p', {}, `${text}.`),
    el('p', {}, 'Make the page again with kafsim view; if it stays so, the run file is damaged.'));
  veil.classList.add('failed');
  document.documentElement.dataset['failed'] = text;
}
