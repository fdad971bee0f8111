// In a process of its own, as the laws about the heap come first in each: see laws.ts.
import { keepsTheLaws } from "./laws.js";

keepsTheLaws({ intervalMs: 5, probePart: 0.3, overheadBytes: 0 });
