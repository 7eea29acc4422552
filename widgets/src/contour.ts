// Levels of a surface given on a grid: the lines between them, and the area above each.
type Point = readonly [number, number];

/** A grid of heights, row by row; `place` puts a column and a row on the page. */
export interface Grid {
  readonly values: readonly number[];
  readonly across: number;
  place(column: number, row: number): Point;
}

/** Levels so that about as much of the surface lies between any two: steep walls take no more than their share. */
export function levelsOf(values: readonly number[], count: number): number[] {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const at = Array.from({ length: count }, (_, k) => sorted[Math.floor(((k + 1) / (count + 1)) * (sorted.length - 1))]!);
  return [...new Set(at)].filter((v) => Number.isFinite(v) && v > sorted[0]!);
}

const text = ([x, y]: Point): string => `${x.toFixed(1)} ${y.toFixed(1)}`;

/** The corners of a cell with the heights there, around. */
function corners(grid: Grid, i: number, j: number): { p: Point; v: number }[] {
  const at = (a: number, b: number): { p: Point; v: number } => {
    const v = grid.values[b * grid.across + a]!;
    // What is no number lies above everything.
    return { p: [a, b], v: Number.isFinite(v) ? v : Number.MAX_VALUE };
  };
  return [at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)];
}

/** Where the level crosses the side from one corner to the next. */
function crossing(a: { p: Point; v: number }, b: { p: Point; v: number }, level: number): Point {
  const t = Math.min(1, Math.max(0, (level - a.v) / (b.v - a.v)));
  return [a.p[0] + (b.p[0] - a.p[0]) * t, a.p[1] + (b.p[1] - a.p[1]) * t];
}

/** The area at or above a level, and its border, as two paths. */
export function contour(grid: Grid, level: number): { area: string; border: string } {
  let [area, border] = ["", ""];
  const rows = grid.values.length / grid.across;
  const put = (p: Point): Point => grid.place(p[0], p[1]);
  for (let j = 0; j + 1 < rows; j++) {
    let run = -1; // where a run of cells that lie wholly above began
    const close = (i: number): void => {
      if (run >= 0) area += `M${text(put([run, j]))}L${text(put([i, j]))}L${text(put([i, j + 1]))}L${text(put([run, j + 1]))}Z`;
      run = -1;
    };
    for (let i = 0; i + 1 < grid.across; i++) {
      const around = corners(grid, i, j);
      const above = around.filter((c) => c.v >= level).length;
      if (above === 4) {
        if (run < 0) run = i;
        continue;
      }
      close(i);
      if (!above) continue;
      const shape: Point[] = [];
      const cut: Point[] = [];
      around.forEach((a, k) => {
        const b = around[(k + 1) % 4]!;
        if (a.v >= level) shape.push(a.p);
        if (a.v >= level !== b.v >= level) {
          const p = crossing(a, b, level);
          shape.push(p);
          cut.push(p);
        }
      });
      area += `M${shape.map((p) => text(put(p))).join("L")}Z`;
      for (let k = 0; k + 1 < cut.length; k += 2) border += `M${text(put(cut[k]!))}L${text(put(cut[k + 1]!))}`;
    }
    close(grid.across - 1);
  }
  return { area, border };
}
