// A list of any length of which only what can be seen is in the page.

import { el } from './dom';

// Browsers draw no element taller than some ten million pixels.
const TALLEST = 6_000_000;

export class VirtualList {
  readonly root: HTMLElement;
  private readonly spacer: HTMLElement;
  private readonly view: HTMLElement;
  private count = 0;
  private isProgrammatic = false;
  private shownFirst = -1;
  first = 0;

  constructor(
    private readonly rowHeight: number, label: string, private readonly fill: (row: HTMLElement, index: number) => void,
    private readonly pick: (index: number) => void,
  ) {
    this.spacer = el('div', { class: 'spacer' });
    this.view = el('div', { class: 'rows' });
    this.root = el('div', { class: 'virtual scroll', role: 'listbox', 'aria-label': label, tabindex: '0' }, this.view, this.spacer);
    this.root.addEventListener('scroll', () => {
      if (this.isProgrammatic) {
        this.isProgrammatic = false;
        return;
      }
      const room = this.spacer.offsetHeight - this.root.clientHeight;
      const part = room > 0 ? this.root.scrollTop / room : 0;
      this.first = Math.round(part * Math.max(0, this.count - this.visible));
      this.draw(true);
    });
    this.view.addEventListener('click', (event) => {
      const row = (event.target as HTMLElement).closest<HTMLElement>('.row');
      if (row) this.pick(Number(row.dataset['index']));
    });
    new ResizeObserver(() => this.draw(true)).observe(this.root);
  }

  get visible(): number {
    return Math.max(1, Math.floor(this.root.clientHeight / this.rowHeight));
  }

  setCount(count: number): void {
    this.count = count;
    this.spacer.style.height = `${Math.min(TALLEST, count * this.rowHeight)}px`;
    this.first = Math.min(this.first, Math.max(0, count - 1));
    this.shownFirst = -1;
  }

  // Brings `index` into the middle, unless it can be seen already.
  reveal(index: number): void {
    const { visible } = this;
    if (index >= this.first + 1 && index < this.first + visible - 1) return;
    this.first = Math.max(0, Math.min(index - Math.floor(visible * 0.4), this.count - visible));
    const room = this.spacer.offsetHeight - this.root.clientHeight;
    const top = Math.round((this.first / Math.max(1, this.count - visible)) * Math.max(0, room));
    if (Math.abs(this.root.scrollTop - top) >= 1) {
      this.isProgrammatic = true;
      this.root.scrollTop = top;
    }
  }

  draw(isForced = false): void {
    if (this.root.clientHeight === 0) return;
    if (!isForced && this.shownFirst === this.first) return;
    this.shownFirst = this.first;
    const rows = Math.min(this.visible + 1, this.count - this.first);
    while (this.view.children.length < rows) this.view.append(el('div', { class: 'row', role: 'option' }));
    while (this.view.children.length > Math.max(0, rows)) this.view.lastElementChild!.remove();
    for (let n = 0; n < rows; n++) {
      const row = this.view.children[n] as HTMLElement;
      row.dataset['index'] = String(this.first + n);
      this.fill(row, this.first + n);
    }
  }
}
