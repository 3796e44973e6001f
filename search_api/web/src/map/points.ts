// The points of a drawing in memory, and which of them are near a place. A point is named by its row.

import type { Box } from "./viewport";

export interface Points {
  count: number;
  /** 16 bytes each, the UUID. */
  ids: Uint8Array;
  x: Float32Array<ArrayBuffer>;
  y: Float32Array<ArrayBuffer>;
  /** -1: in no group. */
  cluster: Int32Array;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function photoIdAt({ ids }: Points, row: number): string {
  const hex = Array.from(ids.subarray(row * 16, row * 16 + 16), (byte) => HEX[byte]).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export function boxOf({ x, y }: Points, rows: ArrayLike<number>): Box | null {
  if (rows.length === 0) return null;
  const box = { left: Infinity, right: -Infinity, low: Infinity, high: -Infinity };
  for (let at = 0; at < rows.length; at += 1) {
    const [px, py] = [x[rows[at] as number] as number, y[rows[at] as number] as number];
    if (px < box.left) box.left = px;
    if (px > box.right) box.right = px;
    if (py < box.low) box.low = py;
    if (py > box.high) box.high = py;
  }
  return box;
}

/** Rows by cells of a grid over the map, so that what is near a place is found without looking at all. */
export class Grid {
  private readonly side: number;
  private readonly starts: Uint32Array;
  private readonly rows: Uint32Array;

  /** Of these rows only. */
  constructor(
    private readonly points: Points,
    rows: Uint32Array,
  ) {
    this.side = Math.max(8, Math.min(512, Math.ceil(Math.sqrt(rows.length / 4))));
    this.starts = new Uint32Array(this.side * this.side + 1);
    for (const row of rows) this.starts[this.cellOf(row) + 1]! += 1;
    for (let cell = 0; cell < this.side * this.side; cell += 1) this.starts[cell + 1]! += this.starts[cell] as number;
    const next = this.starts.slice();
    this.rows = new Uint32Array(rows.length);
    for (const row of rows) this.rows[next[this.cellOf(row)]!++] = row;
  }

  /** The row nearest to a place, no farther than `most`; -1: none. */
  nearest(x: number, y: number, most: number): number {
    let [best, distance] = [-1, most * most];
    this.visit({ left: x - most, right: x + most, low: y - most, high: y + most }, (row) => {
      const off = (this.points.x[row]! - x) ** 2 + (this.points.y[row]! - y) ** 2;
      if (off <= distance) [best, distance] = [row, off];
    });
    return best;
  }

  /** The rows nearest to a place, near ones first, itself included. */
  around(x: number, y: number, count: number): number[] {
    const off = (row: number) => (this.points.x[row]! - x) ** 2 + (this.points.y[row]! - y) ** 2;
    let found: number[] = [];
    for (let most = 0.02; most < 8 && found.length < count; most *= 2) {
      const square = this.inside({ left: x - most, right: x + most, low: y - most, high: y + most });
      found = square.filter((row) => off(row) <= most * most); // its corners are farther than what is beside it
    }
    return found.sort((one, other) => off(one) - off(other)).slice(0, count);
  }

  inside(box: Box): number[] {
    const found: number[] = [];
    this.visit(box, (row) => {
      const [px, py] = [this.points.x[row]!, this.points.y[row]!];
      if (px >= box.left && px <= box.right && py >= box.low && py <= box.high) found.push(row);
    });
    return found;
  }

  /** At most how many rows are inside: those of all cells that it touches. */
  about(box: Box): number {
    let count = 0;
    const { from, to, low, high } = this.cells(box);
    for (let line = low; line <= high; line += 1) {
      count += this.starts[line * this.side + to + 1]! - this.starts[line * this.side + from]!;
    }
    return count;
  }

  private visit(box: Box, look: (row: number) => void): void {
    const { from, to, low, high } = this.cells(box);
    for (let line = low; line <= high; line += 1) {
      const end = this.starts[line * this.side + to + 1]!;
      for (let at = this.starts[line * this.side + from]!; at < end; at += 1) look(this.rows[at]!);
    }
  }

  private cells({ left, right, low, high }: Box) {
    return { from: this.cell(left), to: this.cell(right), low: this.cell(low), high: this.cell(high) };
  }

  private cell(value: number): number {
    return Math.min(this.side - 1, Math.max(0, Math.floor(((value + 1) / 2) * this.side)));
  }

  private cellOf(row: number): number {
    return this.cell(this.points.y[row]!) * this.side + this.cell(this.points.x[row]!);
  }
}
