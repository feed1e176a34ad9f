// Bytes of a run's columns: varints, zigzag, fixed words, texts (docs/TRACE.md).
// Whatever the bytes say, reading ends: beyond the end it throws.

export class Bytes {
  at = 0;
  constructor(readonly bytes: Uint8Array) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  byte(): number {
    if (this.at >= this.bytes.length) throw new Error('a column ends too early');
    return this.bytes[this.at++]!;
  }

  // Exact below 2^53; above, the nearest that a double has.
  unsigned(): number {
    let byte = this.byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let factor = 128;
    for (let n = 1; n < 10; n++) {
      byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw new Error('a number is too long');
  }

  signed(): number {
    const zigzag = this.unsigned();
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  skip(count: number): void {
    if (!(count <= this.left)) throw new Error('a column ends too early');
    this.at += count;
  }

  hex(): string {
    let text = '';
    for (let n = 0; n < 8; n++) text += this.byte().toString(16).padStart(2, '0');
    return text;
  }

  text(): string {
    const length = this.unsigned();
    const from = this.at;
    this.skip(length);
    return new TextDecoder().decode(this.bytes.subarray(from, from + length));
  }
}
