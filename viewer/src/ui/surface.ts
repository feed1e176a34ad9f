// A canvas that knows its size in CSS pixels and draws on whole device pixels.

import { el } from './dom';

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
export const MONO = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace';

export class Surface {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  width = 0;
  height = 0;
  #ratio = 0;
  #font = '';
  readonly #patterns = new Map<string, CanvasPattern>();
  readonly #fitted = new Map<string, string>();
  #layer: { canvas: HTMLCanvasElement; key: string } | null = null;
  // Those that were made before the page is laid out for the first time.
  static fresh: Surface[] = [];

  constructor(parent: HTMLElement, label: string, onResize: () => void) {
    this.canvas = el('canvas', { role: 'img', 'aria-label': label });
    parent.append(this.canvas);
    const context = this.canvas.getContext('2d', { alpha: true });
    if (!context) throw new Error('this browser has no canvas');
    this.context = context;
    new ResizeObserver(() => {
      this.measure();
      onResize();
    }).observe(parent);
    Surface.fresh.push(this);
  }

  // Asks for all sizes at once: the browser lays the page out once, and not for each.
  static measureFresh(): void {
    for (const surface of Surface.fresh.splice(0)) surface.measure();
  }

  #isMeasured = false;

  measure(): void {
    this.#isMeasured = true;
    const parent = this.canvas.parentElement!;
    this.width = parent.clientWidth;
    this.height = parent.clientHeight;
  }

  begin(): void {
    if (!this.#isMeasured) this.measure();
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height || this.#ratio !== ratio) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.canvas.style.width = `${this.width}px`;
      this.canvas.style.height = `${this.height}px`;
      // Where it scrolls it takes no room from what it shows.
      this.canvas.style.marginBottom = `-${this.height}px`;
      this.#ratio = ratio;
      this.#font = '';
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
  }

  // What a screen reader says of it.
  label(text: string): void {
    if (this.#label === text) return;
    this.#label = text;
    this.canvas.setAttribute('aria-label', text);
  }

  #label = '';

  // What `draw` draws, as it was drawn the last time if `key` is still the same.
  layered(key: string, draw: () => void): void {
    const { width, height } = this.canvas;
    const all = `${key} ${width}x${height}`;
    this.#layer ??= { canvas: el('canvas'), key: '' };
    const { canvas } = this.#layer;
    if (this.#layer.key === all) {
      if (width > 0 && height > 0) {
        this.context.save();
        this.context.setTransform(1, 0, 0, 1, 0, 0);
        this.context.drawImage(canvas, 0, 0);
        this.context.restore();
      }
      return;
    }
    draw();
    if (width === 0 || height === 0) return;
    [canvas.width, canvas.height] = [width, height];
    canvas.getContext('2d')!.drawImage(this.canvas, 0, 0);
    this.#layer.key = all;
  }

  text(x: number, y: number, text: string, color: string, options: {
    size?: number; bold?: boolean; mono?: boolean; align?: CanvasTextAlign; max?: number; halo?: string;
  } = {}): void {
    const { context } = this;
    const font = `${options.bold ? '600 ' : ''}${options.size ?? 12}px ${options.mono ? MONO : FONT}`;
    if (this.#font !== font) {
      this.#font = font;
      context.font = font;
    }
    context.textAlign = options.align ?? 'left';
    context.textBaseline = 'middle';
    const fitted = options.max === undefined ? text : this.fit(text, options.max);
    if (fitted === '') return;
    if (options.halo) {
      context.lineWidth = 3;
      context.lineJoin = 'round';
      context.strokeStyle = options.halo;
      context.strokeText(fitted, x, y);
    }
    context.fillStyle = color;
    context.fillText(fitted, x, y);
  }

  // As much of `text` as fits in `max`; nothing rather than three dots alone.
  private fit(text: string, max: number): string {
    const key = `${max} ${this.#font} ${text}`;
    let fitted = this.#fitted.get(key);
    if (fitted === undefined) {
      if (this.#fitted.size > 5000) this.#fitted.clear();
      this.#fitted.set(key, fitted = this.fitting(text, max));
    }
    return fitted;
  }

  private fitting(text: string, max: number): string {
    const { context } = this;
    if (context.measureText(text).width <= max) return text;
    // What tells names apart is the number at their end.
    const tail = `\u2026${/^\S*?(\D?\d+)$/.exec(text)?.[1] ?? ''}`;
    let [low, high] = [0, text.length];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (context.measureText(text.slice(0, middle).trimEnd() + tail).width <= max) low = middle;
      else high = middle - 1;
    }
    return low < 2 ? '' : text.slice(0, low).trimEnd() + tail;
  }

  rect(x: number, y: number, width: number, height: number, fill: string | CanvasPattern, radius = 0): void {
    const { context } = this;
    context.fillStyle = fill;
    if (radius === 0) {
      context.fillRect(x, y, width, height);
      return;
    }
    context.beginPath();
    context.roundRect(x, y, width, height, radius);
    context.fill();
  }

  outline(x: number, y: number, width: number, height: number, stroke: string, radius = 0, dash: number[] = [], line = 1): void {
    const { context } = this;
    context.strokeStyle = stroke;
    context.lineWidth = line;
    context.setLineDash(dash);
    context.beginPath();
    context.roundRect(x, y, width, height, radius);
    context.stroke();
    context.setLineDash([]);
  }

  line(x: number, y: number, toX: number, toY: number, stroke: string, width = 1, dash: number[] = []): void {
    const { context } = this;
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(toX, toY);
    context.stroke();
    context.setLineDash([]);
  }

  // A crown: filled for who leads, hollow for who only believes it.
  crown(x: number, y: number, size: number, color: string, isHollow = false): void {
    const { context } = this;
    const half = size / 2;
    context.beginPath();
    context.moveTo(x - half, y + half * 0.7);
    context.lineTo(x - half, y - half * 0.5);
    context.lineTo(x - half * 0.45, y + half * 0.05);
    context.lineTo(x, y - half * 0.85);
    context.lineTo(x + half * 0.45, y + half * 0.05);
    context.lineTo(x + half, y - half * 0.5);
    context.lineTo(x + half, y + half * 0.7);
    context.closePath();
    context.lineJoin = 'round';
    if (isHollow) {
      context.strokeStyle = color;
      context.lineWidth = 1.4;
      context.setLineDash([2, 1.6]);
      context.stroke();
      context.setLineDash([]);
    } else {
      context.fillStyle = color;
      context.fill();
    }
  }

  // Slanted lines of `color` on `ground`.
  hatch(color: string, ground: string): CanvasPattern {
    const key = `${color} ${ground}`;
    let pattern = this.#patterns.get(key);
    if (!pattern) {
      const tile = el('canvas', { width: 16, height: 16 });
      const context = tile.getContext('2d')!;
      context.fillStyle = ground;
      context.fillRect(0, 0, 16, 16);
      context.strokeStyle = color;
      context.lineWidth = 3;
      for (const from of [-8, 0, 8, 16]) {
        context.beginPath();
        context.moveTo(from - 2, 18);
        context.lineTo(from + 18, -2);
        context.stroke();
      }
      pattern = this.context.createPattern(tile, 'repeat')!;
      pattern.setTransform(new DOMMatrix().scale(0.5));
      this.#patterns.set(key, pattern);
    }
    return pattern;
  }
}

// Round distances between ticks: 1, 2 or 5 times a power of ten.
export function tickStep(span: number, most: number): number {
  const least = span / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-12)));
  for (const factor of [1, 2, 5, 10]) if (power * factor >= least) return power * factor;
  return power * 10;
}
