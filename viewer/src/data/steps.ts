// A value that changes at events, as a sorted list of steps: what it is at any event is a binary
// search, so the page jumps anywhere without replaying anything.

export class Steps<T> {
  readonly events: number[] = [];
  readonly values: T[] = [];
  constructor(readonly initial: T) {}

  get last(): T {
    return this.values.length > 0 ? this.values[this.values.length - 1]! : this.initial;
  }

  set(event: number, value: T): void {
    if (value === this.last) return;
    const { length } = this.events;
    if (length > 0 && this.events[length - 1] === event) {
      this.values[length - 1] = value;
      return;
    }
    this.events.push(event);
    this.values.push(value);
  }

  // The place of the last step at or before `event`; -1 if there is none.
  index(event: number): number {
    return upTo(this.events, event) - 1;
  }

  at(event: number): T {
    const place = this.index(event);
    return place < 0 ? this.initial : this.values[place]!;
  }

  // The event that set what it is at `event`; -1 if none did.
  since(event: number): number {
    const place = this.index(event);
    return place < 0 ? -1 : this.events[place]!;
  }
}

// How many items of the sorted `list` are at most `value`.
export function upTo(list: ArrayLike<number>, value: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// A count as people write it.
export function many(count: number): string {
  return count.toLocaleString('en');
}
