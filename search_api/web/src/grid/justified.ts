// The arithmetic of the grid: photos in rows of one height that fill the width.
//
// Results come in blocks, and a block is laid out by itself, so that the place of a photo never depends on photos that
// were not fetched yet. Row breaks are the best of all (dynamic programming over a block), as a paragraph's lines are
// by Knuth and Plass, so that a block ends in a full row too and no seam shows.

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface BlockLayout {
  boxes: Box[];
  /** With the gap below the last row. */
  height: number;
  /** Where the line stands that parts good matches from the others, if it stands in this block. */
  cutTop: number | null;
}

export interface Shape {
  width: number;
  /** Height that rows should have. */
  row: number;
  gap: number;
  /** Height of the line between good matches and the others. */
  cut: number;
}

// A panorama or a screenshot of a chat must not take, or lose, a whole row.
const NARROWEST = 0.5;
const WIDEST = 2.6;
const USUAL = 1.4;
// A last row that would grow by more than this stays as it is, and the rest of its width empty.
const MOST_GROWTH = 1.3;

export function ratioOf(width: number | null | undefined, height: number | null | undefined): number {
  const ratio = (width || 3) / (height || 2);
  return Math.min(Math.max(ratio, NARROWEST), WIDEST);
}

/**
 * @param ratios Width by height of each photo of the block.
 * @param ends Whether nothing follows the block.
 * @param cutAt Photos of this block before the line, or null when it is elsewhere. 0: the line is above the block.
 */
export function layOut(ratios: number[], shape: Shape, ends: boolean, cutAt: number | null): BlockLayout {
  if (cutAt === null || cutAt >= ratios.length) {
    const { boxes, height } = rows(ratios, shape, ends, 0);
    return { boxes, height, cutTop: null };
  }
  const before = rows(ratios.slice(0, cutAt), shape, true, 0);
  const after = rows(ratios.slice(cutAt), shape, ends, before.height + shape.cut);
  return {
    boxes: [...before.boxes, ...after.boxes],
    height: before.height + shape.cut + after.height,
    cutTop: before.height,
  };
}

function rows(ratios: number[], shape: Shape, ends: boolean, top: number): { boxes: Box[]; height: number } {
  const { width, row, gap } = shape;
  const count = ratios.length;
  if (count === 0 || width <= 0) return { boxes: [], height: 0 };

  // best[i]: the least cost of the first i photos in full rows; from[i]: where the last of these rows begins.
  const best = new Float64Array(count + 1).fill(Number.POSITIVE_INFINITY);
  const from = new Int32Array(count + 1);
  const heights = new Float64Array(count + 1);
  best[0] = 0;
  for (let end = 1; end <= count; end += 1) {
    let sum = 0;
    for (let start = end - 1; start >= 0; start -= 1) {
      sum += ratios[start] ?? USUAL;
      const natural = (width - gap * (end - start - 1)) / sum;
      const ragged = ends && end === count && natural > row * MOST_GROWTH;
      const height = ragged ? row : natural;
      const off = ragged ? 0 : Math.log(height / row);
      const cost = (best[start] ?? 0) + off * off;
      if (cost < (best[end] ?? 0)) {
        best[end] = cost;
        from[end] = start;
        heights[end] = height;
      }
      if (natural < row / 3) break;
    }
  }
  const breaks: number[] = [];
  for (let end = count; end > 0; end = from[end] ?? 0) breaks.unshift(end);

  const boxes: Box[] = [];
  let y = top;
  let start = 0;
  for (const end of breaks) {
    const height = heights[end] ?? row;
    let x = 0;
    for (let at = start; at < end; at += 1) {
      const photoWidth = (ratios[at] ?? USUAL) * height;
      boxes.push({ left: x, top: y, width: photoWidth, height });
      x += photoWidth + gap;
    }
    y += height + gap;
    start = end;
  }
  return { boxes, height: y - top };
}

/** Which photo lies above (-1) or below (1) the one at `index`, nearest to its middle. Null at the edge. */
export function beside(boxes: (Box | undefined)[], index: number, direction: 1 | -1): number | null {
  const own = boxes[index];
  if (!own) return null;
  const middle = own.left + own.width / 2;
  let rowTop: number | null = null;
  let found: number | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (let at = index + direction; at >= 0 && at < boxes.length; at += direction) {
    const box = boxes[at];
    if (!box || Math.abs(box.top - own.top) < 1) continue;
    rowTop ??= box.top;
    if (Math.abs(box.top - rowTop) > 1) break;
    const distance = Math.abs(box.left + box.width / 2 - middle);
    if (distance < least) {
      least = distance;
      found = at;
    }
  }
  return found;
}
