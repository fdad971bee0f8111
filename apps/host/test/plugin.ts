/** A strategy whose `select` is `body`; `calls` counts. */
export function plugin(name: string, body: string): string {
  return `import { defineStrategy, type Path } from "@fairlead/core";
export default defineStrategy({
  name: "${name}",
  create() {
    let calls = 0;
    return { name: "${name}", select(paths: readonly Path[]) { ${body} } };
  },
});
`;
}
