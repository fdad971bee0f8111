/** As much of a JSON Schema as the config's has. */
export interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
}

/** Every key of the config, with its schema: `vms.<name>.priority`. */
export function configKeys(schema: Schema, path = ""): [string, Schema][] {
  const inside = (key: string, value: Schema): [string, Schema][] => [
    [key, value],
    ...configKeys(value, key),
  ];
  const { properties = {}, additionalProperties, items, oneOf = [] } = schema;
  return [
    ...oneOf.flatMap((one) => configKeys(one, path)),
    ...Object.entries(properties).flatMap(([key, value]) =>
      inside(path === "" ? key : `${path}.${key}`, value),
    ),
    ...(typeof additionalProperties === "object" && path !== "luns.strategy[]"
      ? configKeys(additionalProperties, `${path}.<name>`)
      : []),
    ...(items === undefined ? [] : configKeys(items, `${path}[]`)),
  ];
}

/** The rows of the README's table: keys that hold a value. */
export function configRows(schema: Schema): string[] {
  return configKeys(schema)
    .filter(
      ([, { properties, additionalProperties }]) => !properties && typeof additionalProperties !== "object",
    )
    .map(([key, { description = "", default: given }]) => {
      const [effect = "", fallback = ""] = description.split(/ ?Default: /);
      const shown = given === undefined ? fallback.replace(/\.$/, "") : `\`${plain(given)}\``;
      return `| \`${key}\` | ${shown} | ${effect} |`;
    });
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
