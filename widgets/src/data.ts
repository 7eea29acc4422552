// From the text in a widget's state to data: unpacked, parsed, or refused with a message to show.

/** Data that cannot be shown; the message is written for the person reading it. */
export class Unreadable extends Error {}

const GZIP = "gzip:";

/** Large data travels compressed (`gzip:` and base64), small data as plain JSON. */
export async function unpack(text: string): Promise<string> {
  if (!text.startsWith(GZIP)) return text;
  try {
    const bytes = Uint8Array.from(atob(text.slice(GZIP.length)), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return await new Response(stream).text();
  } catch {
    throw new Unreadable("This could not be unpacked: it is damaged, or this browser is too old. Run the cell again.");
  }
}

export const isObject = (x: unknown): x is Record<string, unknown> =>
  typeof x === "object" && x !== null && !Array.isArray(x);

const isNumbers = (x: unknown): x is number[] => Array.isArray(x) && x.every((n) => typeof n === "number");

/** A shape: whole numbers, none negative. */
export const isShape = (x: unknown): x is number[] => isNumbers(x) && x.every((n) => Number.isInteger(n) && n >= 0);

/** How each kind of widget's data is checked: what a field must be, and in words what that is. */
export const KINDS = {
  numbers: [isNumbers, "a list of numbers"],
  shape: [isShape, "a shape"],
  number: [(x: unknown) => typeof x === "number", "a number"],
  text: [(x: unknown) => typeof x === "string", "text"],
  list: [(x: unknown) => Array.isArray(x), "a list"],
  object: [isObject, "an object"],
} as const satisfies Record<string, readonly [(x: unknown) => boolean, string]>;

/**
 * The JSON object in `text`, made by version `version` of widget `format`, with the fields it needs.
 * Anything else is refused in words.
 */
export function readData(text: string, format: string, version: number, fields: Record<string, keyof typeof KINDS>): Record<string, unknown> {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Unreadable("This picture's data is not readable: it is not JSON. Run the cell again.");
  }
  if (!isObject(data) || data["format"] !== format)
    throw new Unreadable(`This is not the data of a ${format} picture. Run the cell again.`);
  if (typeof data["version"] !== "number" || data["version"] < 1)
    throw new Unreadable("This picture's data is damaged: it has no version number. Run the cell again.");
  if (data["version"] > version)
    throw new Unreadable(
      `This picture's data is written in version ${data["version"]}; this widget reads up to version ${version}. ` +
        "Install a newer tinygrad-core to see it.",
    );
  check(data, fields);
  return data;
}

/** Refuses, in words, an object without the fields it needs. */
export function check(data: Record<string, unknown>, fields: Record<string, keyof typeof KINDS>, where = ""): void {
  for (const [name, kind] of Object.entries(fields)) {
    const [ok, words] = KINDS[kind];
    if (!ok(data[name])) throw new Unreadable(`This picture's data is damaged: “${where}${name}” is not ${words}. Run the cell again.`);
  }
}
