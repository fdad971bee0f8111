/** As much of a JSON Schema as the config's has. */
export interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
}

interface Key {
  /** `vms.<name>.priority` */
  readonly path: string;
  readonly schema: Schema;
  readonly required: boolean;
}

/** Every key of the config. */
export function configKeys(schema: Schema, path = ""): Key[] {
  const { properties = {}, required = [], additionalProperties, items, oneOf = [] } = schema;
  // What is said of luns.strategy holds for them.
  if (/(admission|<name>\.strategy)\[\]$/.test(path)) return [];
  const members = Object.entries(properties).flatMap(([name, member]): Key[] => {
    const key = path === "" ? name : `${path}.${name}`;
    return [{ path: key, schema: member, required: required.includes(name) }, ...configKeys(member, key)];
  });
  // Beside the source of a policy stand options, which only that policy knows.
  const named = typeof additionalProperties === "object" && path !== "luns.strategy[]";
  return [
    ...oneOf.flatMap((one) => configKeys(one, path)),
    ...members,
    ...(named ? configKeys(additionalProperties, `${path}.<name>`) : []),
    ...(items === undefined ? [] : configKeys(items, `${path}[]`)),
  ];
}

/** The rows of the README's table: keys that hold a value. */
export function configRows(schema: Schema): string[] {
  return configKeys(schema)
    .filter(
      ({ schema: { properties, additionalProperties } }) =>
        !properties && typeof additionalProperties !== "object",
    )
    .map(({ path, schema: { description = "", default: given }, required }) => {
      const [effect = "", fallback = "none"] = description.split(/ ?Default: /);
      const otherwise = required ? "required" : fallback.replace(/\.$/, "");
      return `| \`${path}\` | ${given === undefined ? otherwise : `\`${plain(given)}\``} | ${effect} |`;
    });
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
