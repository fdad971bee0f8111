import { strategySuite } from "@fairlead/compliance";
import { describe, it } from "vitest";
import { speed } from "../src/index.js";

strategySuite({ describe, it }, () => speed({ intervalMs: 5, probePart: 0.3, overheadBytes: 0 }));
