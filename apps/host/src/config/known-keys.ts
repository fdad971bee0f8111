/** As much of one as the host's schemas have. */
export interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly const?: unknown;
}

/** The keys that the schema knows at a place of the value; `raw` tells which branch of a union it is. */
export function knownKeys(whole: JsonSchema, path: readonly (string | number)[], raw: unknown): string[] {
  let schema: JsonSchema | undefined = whole;
  let value = raw;
  for (const segment of path) {
    schema = branch(schema, value);
    if (typeof segment === "number") schema = schema?.items;
    else if (schema?.properties !== undefined && Object.hasOwn(schema.properties, segment)) {
      schema = schema.properties[segment];
    } else {
      const more: JsonSchema | boolean | undefined = schema?.additionalProperties;
      schema = typeof more === "object" ? more : undefined;
    }
    value = memberOf(value, segment);
  }
  return Object.keys(branch(schema, value)?.properties ?? {});
}

function branch(schema: JsonSchema | undefined, value: unknown): JsonSchema | undefined {
  if (schema?.oneOf === undefined) return schema;
  const driver = memberOf(value, "driver");
  return schema.oneOf.find((one) => one.properties?.driver?.const === driver);
}

export function memberOf(value: unknown, key: string | number): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return Reflect.get(value, key);
}

/** Its members, where it is a mapping. */
export function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}
