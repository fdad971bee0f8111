import { admissionSuite } from "@fairlead/compliance";
import { describe, it } from "vitest";
import { diskScheduler } from "../src/index.js";

admissionSuite({ describe, it }, () => diskScheduler());
