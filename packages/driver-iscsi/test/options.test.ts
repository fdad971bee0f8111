import { describe, expect, it } from "vitest";
import { createIscsiDriver, type IscsiDriverOptions, type IscsiHbaOptions } from "../src/index.js";
import { sessionIsid } from "../src/isid.js";
import { backoffMs } from "../src/pause.js";
import { parsePortal } from "../src/portal.js";
import { HOST_NAME, systemClock } from "./harness.js";

const driver = (options: Partial<IscsiDriverOptions> = {}) =>
  createIscsiDriver({ clock: systemClock, initiatorName: HOST_NAME, ...options });
const hba = (options: Partial<IscsiHbaOptions>) =>
  driver().hba({ name: "vmhba0", portals: ["192.0.2.1:3260"], ...options });

describe("options", () => {
  it.each([
    ["initiatorName", { initiatorName: "host-a" }],
    ["initiatorName", { initiatorName: "iqn.2026-01.org.Example:a" }],
    ["initiatorName", { initiatorName: `iqn.2026-01.org.example:${"a".repeat(200)}` }],
    ["pingAfterMs", { pingAfterMs: 0 }],
    ["commandTimeoutMs", { commandTimeoutMs: Number.NaN }],
    ["loginTimeoutMs", { loginTimeoutMs: Number.POSITIVE_INFINITY }],
  ])("of the driver: %s is refused in %o", (option, options) => {
    expect(() => driver(options)).toThrow(expect.objectContaining({ code: "OPTION_INVALID", option }));
  });

  const mutual = { user: "san", secret: "secret of the san" };
  it.each<[string, Partial<IscsiHbaOptions>]>([
    ["name", { name: "vmhba:0" }],
    ["portals", { portals: [] }],
    ["portals", { portals: ["192.0.2.1:0"] }],
    ["portals", { portals: ["192.0.2.1", "192.0.2.1:3260"] }],
    ["targets", { targets: ["disk"] }],
    ["chap.user", { chap: { user: "", secret: "secret of the host" } }],
    ["chap.secret", { chap: { user: "host-a", secret: "11 bytes..." } }],
    ["chap.mutual.secret", { chap: { user: "host-a", secret: "secret of the san", mutual } }],
    [
      "chap.mutual.secret",
      { chap: { user: "host-a", secret: "secret of the host", mutual: { user: "san", secret: "" } } },
    ],
  ])("of an HBA: %s is refused in %o", (option, options) => {
    expect(() => hba(options)).toThrow(expect.objectContaining({ code: "OPTION_INVALID", option }));
  });

  it("never show a secret", () => {
    expect(() => hba({ chap: { user: "host-a", secret: "s3cr3t" } })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("s3cr3t") }),
    );
  });

  it("take an HBA's name once, and again after it was closed", async () => {
    const one = driver();
    const options = { name: "vmhba0", portals: ["192.0.2.1"] };
    const first = one.hba(options);
    expect(() => one.hba(options)).toThrow(expect.objectContaining({ option: "name" }));
    await first.close();
    expect(one.hba(options).name).toBe("vmhba0");
  });
});

describe("portals", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1", 3260, "192.0.2.1:3260"],
    ["san.example:860", "san.example", 860, "san.example:860"],
    ["[2001:db8::1]", "2001:db8::1", 3260, "[2001:db8::1]:3260"],
    ["[2001:db8::1]:65535", "2001:db8::1", 65535, "[2001:db8::1]:65535"],
  ])("%s", (text, host, port, name) => {
    expect(parsePortal(text)).toEqual({ host, port, name });
  });

  it.each(["", ":3260", "a b", "a:0", "a:65536", "2001:db8::1:3260", "[]:1", "a:1:2", "a/b"])(
    "not %s",
    (text) => {
      expect(parsePortal(text)).toBeUndefined();
    },
  );
});

describe("session ids", () => {
  it("are the same for the same words, and never given twice", () => {
    const taken = new Set<string>();
    const first = sessionIsid(taken, ["vmhba0", "iqn.a", "192.0.2.1:3260"]);
    expect(sessionIsid(new Set(), ["vmhba0", "iqn.a", "192.0.2.1:3260"])).toEqual(first);
    expect(first.length).toBe(6);
    expect(first[0]).toBe(0x80);
    const second = sessionIsid(taken, ["vmhba0", "iqn.a", "192.0.2.1:3260"]);
    expect(second).not.toEqual(first);
    expect(taken.size).toBe(2);
  });
});

describe("back-off", () => {
  it("grows to a second, and is spread by a quarter", () => {
    const delays = [1, 2, 3, 4, 5, 6, 60].map((attempt) => backoffMs(attempt, () => 0));
    expect(delays).toEqual([200, 500, 1000, 1000, 1000, 1000, 1000]);
    expect(backoffMs(6, () => 0.999)).toBeCloseTo(1250, -1);
  });
});
