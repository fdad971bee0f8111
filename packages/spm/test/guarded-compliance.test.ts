import { admissionSuite } from "@fairlead/compliance";
import { diskScheduler } from "@fairlead/disk-scheduler";
import { describe, it } from "vitest";
import { guardedAdmission } from "../src/index.js";

const unexpected = (): never => {
  throw new Error("a policy that keeps the laws was replaced");
};

admissionSuite({ describe, it }, () =>
  guardedAdmission(diskScheduler(), {
    name: "disk-scheduler",
    team: "naa.1",
    successor: unexpected,
    onEvent: unexpected,
  }),
);
