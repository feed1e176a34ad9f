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
  private height = 0;
  private tallness = 0;
  private top = 0;
  // What is to be seen until somebody scrolls; -1 for nothing.
  private wanted = -1;
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
      this.top = this.root.scrollTop;
      this.wanted = -1;
      const room = this.tallness - this.height;
      const part = room > 0 ? this.top / room : 0;
      this.first = Math.round(part * Math.max(0, this.count - this.visible));
      this.draw(true);
    });
    this.view.addEventListener('click', (event) => {
      const row = (event.target as HTMLElement).closest<HTMLElement>('.row');
      if (row) this.pick(Number(row.dataset['index']));
    });
    new ResizeObserver(() => {
      this.measure();
      // What stands below it takes room from it.
      if (this.wanted >= 0) this.reveal(this.wanted);
      this.draw(true);
    }).observe(this.root);
  }

  // How much of it can be seen; asking makes the browser lay out the page.
  measure(): void {
    this.height = this.root.clientHeight;
  }

  get visible(): number {
    return Math.max(1, Math.floor(this.height / this.rowHeight));
  }

  setCount(count: number): void {
    this.count = count;
    this.tallness = Math.min(TALLEST, count * this.rowHeight);
    this.spacer.style.height = `${this.tallness}px`;
    this.first = Math.min(this.first, Math.max(0, count - 1));
    this.wanted = -1;
    this.shownFirst = -1;
  }

  // Brings `index` into the middle, unless it and its neighbours can be seen already.
  reveal(index: number): void {
    this.wanted = index;
    if (this.height === 0) this.measure();
    const { visible } = this;
    if (index >= this.first + 1 && index < this.first + visible - 1) return;
    this.first = Math.max(0, Math.min(index - Math.round(visible * 0.4), this.count - visible));
    const room = this.tallness - this.height;
    const top = Math.round((this.first / Math.max(1, this.count - visible)) * Math.max(0, room));
    if (Math.abs(this.top - top) >= 1) {
      this.top = top;
      // Later, when the browser need not lay the page out for it.
      requestAnimationFrame(() => {
        if (this.root.scrollTop === this.top) return;
        this.isProgrammatic = true;
        this.root.scrollTop = this.top;
      });
    }
  }

  draw(isForced = false): void {
    if (this.height === 0) this.measure();
    if (this.height === 0) return;
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
