/** A small area to draw on, with smooth edges: each pixel is covered as far as the shape reaches into it. */

export interface Canvas {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue and alpha of each pixel; nothing is drawn at first, and shines through. */
  readonly pixels: Uint8Array;
  /** From (left, top) to (right, bottom), in pixels and parts of them. */
  rect(left: number, top: number, right: number, bottom: number, colour: string, alpha?: number): void;
  line(from: Point, to: Point, thickness: number, colour: string): void;
  disc(centre: Point, radius: number, colour: string): void;
  /** Takes away what is drawn there. */
  clear(left: number, top: number, right: number, bottom: number): void;
}

export type Point = readonly [x: number, y: number];

export function canvasOf(width: number, height: number): Canvas {
  const pixels = new Uint8Array(width * height * 4);

  /** Lays a colour over a pixel (Porter and Duff's "over"). */
  const blend = (x: number, y: number, [r, g, b]: Rgb, alpha: number): void => {
    if (alpha <= 0 || x < 0 || y < 0 || x >= width || y >= height) return;
    const at = (y * width + x) * 4;
    const below = (pixels[at + 3] ?? 0) / 255;
    const covered = Math.min(1, alpha);
    const out = covered + below * (1 - covered);
    for (const [channel, value] of [r, g, b].entries())
      pixels[at + channel] = Math.round((value * covered + (pixels[at + channel] ?? 0) * below * (1 - covered)) / out);
    pixels[at + 3] = Math.round(out * 255);
  };

  /** Every pixel that a box touches. */
  const each = (left: number, top: number, right: number, bottom: number, see: (x: number, y: number) => void): void => {
    const [x0, x1] = [Math.max(0, Math.floor(left)), Math.min(width, Math.ceil(right))];
    const [y0, y1] = [Math.max(0, Math.floor(top)), Math.min(height, Math.ceil(bottom))];
    for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) see(x, y);
  };

  return {
    width,
    height,
    pixels,
    rect(left, top, right, bottom, colour, alpha = 1) {
      const rgb = rgbOf(colour);
      each(left, top, right, bottom, (x, y) => blend(x, y, rgb, overlap(x, left, right) * overlap(y, top, bottom) * alpha));
    },
    line([x0, y0], [x1, y1], thickness, colour) {
      const rgb = rgbOf(colour);
      const half = thickness / 2;
      const [dx, dy] = [x1 - x0, y1 - y0];
      const length2 = dx * dx + dy * dy;
      const reach = half + 1;
      each(Math.min(x0, x1) - reach, Math.min(y0, y1) - reach, Math.max(x0, x1) + reach, Math.max(y0, y1) + reach, (x, y) => {
        const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
        const along = length2 === 0 ? 0 : Math.max(0, Math.min(1, (px * dx + py * dy) / length2));
        const distance = Math.hypot(px - along * dx, py - along * dy);
        blend(x, y, rgb, half + 0.5 - distance);
      });
    },
    disc([cx, cy], radius, colour) {
      const rgb = rgbOf(colour);
      const reach = radius + 1;
      each(cx - reach, cy - reach, cx + reach, cy + reach, (x, y) =>
        blend(x, y, rgb, radius + 0.5 - Math.hypot(x + 0.5 - cx, y + 0.5 - cy)),
      );
    },
    clear(left, top, right, bottom) {
      each(left, top, right, bottom, (x, y) => pixels.fill(0, (y * width + x) * 4, (y * width + x) * 4 + 4));
    },
  };
}

/** How much of the pixel that begins at `at` lies between `from` and `to`. */
function overlap(at: number, from: number, to: number): number {
  return Math.max(0, Math.min(at + 1, to) - Math.max(at, from));
}

type Rgb = readonly [r: number, g: number, b: number];

function rgbOf(colour: string): Rgb {
  const value = Number.parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 0xff, value & 0xff];
}
