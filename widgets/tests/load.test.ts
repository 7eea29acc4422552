// What cannot be shown says so in words.
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { unpack, Unreadable } from "../src/data";
import { parse } from "../src/load";
import { read } from "./help";

const broken = (change: (data: any) => void): string => {
  const data = JSON.parse(read("diamond"));
  change(data);
  return JSON.stringify(data);
};

describe("load", () => {
  it("reads plain and packed recordings alike", async () => {
    const text = read("diamond");
    const packed = `gzip:${gzipSync(text).toString("base64")}`;
    expect(parse(await unpack(packed))).toEqual(parse(await unpack(text)));
  });

  it.each([
    ["not JSON", "nonsense", /not JSON/],
    ["another format", "{}", /not a recording/],
    ["a list", "[]", /not a recording/],
    ["a newer version", broken((d) => (d.version = 3)), /version 3.*Install a newer/],
    ["no version", broken((d) => delete d.version), /version/],
    ["nothing recorded", broken((d) => (d.events = [])), /Nothing was recorded/],
    ["no events", broken((d) => delete d.events), /no events/],
    ["an unknown node", broken((d) => (d.events[1].node = 99)), /event 1 .*99/],
    ["a missing value", broken((d) => delete d.events[1].value), /event 1 .*value/],
    ["an event that is none", broken((d) => (d.events[0] = 7)), /event 0/],
  ])("explains %s", (_, text, words) => {
    expect(() => parse(text)).toThrow(Unreadable);
    expect(() => parse(text)).toThrow(words);
  });

  it("explains what cannot be unpacked", async () => {
    await expect(unpack("gzip:AAAA")).rejects.toThrow(/could not be unpacked/);
  });

  it("accepts events it does not know", () => {
    expect(() => parse(broken((d) => d.events.push({ type: "trace", node: null, seq: 99 })))).not.toThrow();
  });
});
