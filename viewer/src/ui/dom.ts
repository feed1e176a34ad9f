// Elements without markup: whatever a run names reaches the page as text.

type Attributes = Record<string, string | number | boolean | ((event: never) => void)>;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Attributes = {}, ...children: (Node | string | null)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  // But for one that sends a form, which says so.
  if (tag === 'button') element.setAttribute('type', 'button');
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value as EventListener);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false) element.setAttribute(name, String(value));
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

// Icons are drawn, not typed: fonts of small systems lack the glyphs.
const ICONS: Record<string, string> = {
  play: 'M7 4.5v15l12-7.5z',
  pause: 'M7 4.5h3.6v15H7zM13.4 4.5H17v15h-3.6z',
  next: 'M8.5 5l7 7-7 7',
  back: 'M15.5 5l-7 7 7 7',
  nextIncident: 'M6 5l7 7-7 7M17.5 5v14',
  backIncident: 'M18 5l-7 7 7 7M6.5 5v14',
  theme: 'M12 3.5a8.5 8.5 0 1 0 0 17zM12 3.5a8.5 8.5 0 0 1 0 17',
  help: 'M9 9.2a3 3 0 1 1 4.6 2.5c-1 .7-1.6 1.2-1.6 2.5M12 17.6v.6',
  copy: 'M8 8V5.5h10.5V16H16M5.5 8H16v10.5H5.5z',
  note: 'M7 4h10v16l-5-4.2L7 20z',
  plus: 'M12 5.5v13M5.5 12h13',
  minus: 'M5.5 12h13',
  fit: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
  save: 'M12 4v10M8 10.5l4 4 4-4M5 19.5h14',
  close: 'M6 6l12 12M18 6L6 18',
  yes: 'M5 12.5l4.5 4.5L19 7.5',
  large: 'M14 5h5v5M19 5l-6 6M10 19H5v-5M5 19l6-6',
};

export function icon(name: keyof typeof ICONS | string): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.classList.add('icon');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name] ?? '');
  if (name === 'play' || name === 'pause') path.classList.add('solid');
  svg.append(path);
  return svg;
}

export function button(label: string, iconName: string, onClick: () => void, keys = ''): HTMLButtonElement {
  const hint = keys ? `${label} (${keys})` : label;
  return el('button', { class: 'round', 'aria-label': label, title: hint, click: onClick }, icon(iconName));
}

// Fills `parent` anew if `key` is not what it was filled for the last time.
export function fill(parent: HTMLElement, key: string, children: () => (Node | string)[]): void {
  if (filled.get(parent) === key) return;
  filled.set(parent, key);
  parent.replaceChildren(...children());
}

const filled = new WeakMap<HTMLElement, string>();

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page lacks #${id}`);
  return found;
}

// A button that copies `text`, and says whether it did.
export function copyButton(kind: string, name: string, text: () => string, line = name): HTMLElement {
  const said = el('span', {}, name);
  return el('button', { class: kind, title: line, 'aria-label': line, click: () => {
    void copyText(text()).then((done) => {
      said.textContent = done ? 'copied' : 'no clipboard';
      setTimeout(() => { said.textContent = name; }, 1600);
    });
  } }, icon('copy'), said);
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Pages from disk may not write to the clipboard; an old way still works.
    const area = el('textarea', { class: 'unseen', 'aria-hidden': 'true' });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

// Says what was not understood, for a while.
export function complain(text: string): void {
  const box = el('p', { class: 'toast', role: 'alert' }, text);
  document.body.append(box);
  setTimeout(() => box.remove(), 9000);
}

// A button in a pane's bar that makes the pane as large as the page, and small again.
export function enlarge(pane: HTMLElement, name: string, isLast = false): void {
  const bar = pane.querySelector('.bar');
  const toggle = button(`Make ${name} large or small`, 'large', () => {
    const isAlone = pane.classList.toggle('alone');
    pane.parentElement!.classList.toggle('has-alone', isAlone);
  });
  toggle.classList.add('enlarge');
  if (bar?.querySelector('.right') && !isLast) toggle.classList.add('after');
  bar?.append(toggle);
}
