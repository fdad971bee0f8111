/** Where a command writes. */
export interface Output {
  /** Data. A line without its end. */
  print(line: string): void;
  /** Messages. */
  warn(line: string): void;
}
