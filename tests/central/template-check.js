/**
 * Checks a CloudFormation template against the schemas of the resources, without AWS: types and
 * properties that exist, values of the right kind, what is required, references that lead somewhere.
 * It can't tell whether AWS takes a value; the few that are looked at are in KNOWN_VALUES.
 */

import { loadAwsServiceSpec } from "@aws-cdk/aws-service-spec";
import { yamlParse } from "yaml-cfn";

/**
 * @typedef {Record<string, any>} Block
 * @typedef {{ type: string, [more: string]: any }} SpecType
 * @typedef {Record<string, { type: SpecType, required?: boolean }>} SpecProperties
 * @typedef {{ template: Block, findings: string[], usedExceptions: Set<string> }} Verdict
 */

const spec = await loadAwsServiceSpec();

/**
 * What AWS SAM takes and its schema here, which is old, does not know: resource type and property. What
 * is below them is not looked at.
 */
export const SAM_EXCEPTIONS = [
  "AWS::Serverless::Function LoggingConfig",
  "AWS::Serverless::HttpApi Auth.EnableIamAuthorizer",
  // One more level than the schema has: settings by route.
  "AWS::Serverless::HttpApi RouteSettings.GET /health",
];

const TEMPLATE_KEYS = new Set([
  "AWSTemplateFormatVersion",
  "Conditions",
  "Description",
  "Globals",
  "Outputs",
  "Parameters",
  "Resources",
  "Transform",
]);
const RESOURCE_KEYS = new Set([
  "Condition",
  "DeletionPolicy",
  "DependsOn",
  "Metadata",
  "Properties",
  "Type",
  "UpdateReplacePolicy",
]);
const PSEUDO_PARAMETERS = new Set(
  ["AccountId", "NoValue", "Partition", "Region", "StackId", "StackName", "URLSuffix"].map(
    (name) => `AWS::${name}`,
  ),
);

/** Values of properties that the schemas leave open, by the property's name. */
const KNOWN_VALUES = new Map(
  Object.entries({
    AttributeType: ["S", "N", "B"],
    BillingMode: ["PAY_PER_REQUEST", "PROVISIONED"],
    ComparisonOperator: [
      "GreaterThanOrEqualToThreshold",
      "GreaterThanThreshold",
      "LessThanOrEqualToThreshold",
      "LessThanThreshold",
    ],
    Effect: ["Allow", "Deny"],
    KeyType: ["HASH", "RANGE"],
    LogFormat: ["JSON", "Text"],
    Runtime: ["nodejs22.x", "nodejs24.x"],
    StartingPosition: ["TRIM_HORIZON", "LATEST"],
    Statistic: ["Average", "Maximum", "Minimum", "SampleCount", "Sum"],
    StreamViewType: ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"],
    Tracing: ["Active", "PassThrough"],
    TreatMissingData: ["breaching", "ignore", "missing", "notBreaching"],
  }),
);

/** Attributes of SAM's resources; their schemas name none. */
const SAM_ATTRIBUTES = new Map([["AWS::Serverless::Function", ["Arn"]]]);

/** @param {string} text @returns {Verdict} */
export function checkTemplate(text) {
  const template = /** @type {Block} */ (yamlParse(text));
  const check = new Check(template);
  check.run();
  return { template, findings: check.findings, usedExceptions: check.usedExceptions };
}

class Check {
  /** @type {string[]} */
  findings = [];
  /** @type {Set<string>} */
  usedExceptions = new Set();
  /** @type {Set<string>} */
  #referenced = new Set();
  /** @type {Set<string>} */
  #usedConditions = new Set();
  /** @type {Block} */
  #template;
  #resourceType = "";

  /** @param {Block} template */
  constructor(template) {
    this.#template = { Parameters: {}, Conditions: {}, Resources: {}, Outputs: {}, ...template };
  }

  run() {
    const { Parameters, Conditions, Resources, Globals = {} } = this.#template;
    for (const key of Object.keys(this.#template)) {
      if (!TEMPLATE_KEYS.has(key)) this.#find(key, "is no part of a template");
    }
    for (const [name, resource] of Object.entries(Resources))
      this.#resource(name, resource, Globals);
    this.#references(this.#template, "");
    for (const name of Object.keys(Parameters)) {
      if (!this.#referenced.has(name)) this.#find(`Parameters.${name}`, "is not used");
    }
    for (const name of Object.keys(Conditions)) {
      if (!this.#usedConditions.has(name)) this.#find(`Conditions.${name}`, "is not used");
    }
  }

  /** @param {string} path @param {string} what */
  #find(path, what) {
    this.findings.push(`${path} ${what}`);
  }

  /** @param {string} name @param {Block} resource @param {Block} globals */
  #resource(name, resource, globals) {
    const path = `Resources.${name}`;
    for (const key of Object.keys(resource)) {
      if (!RESOURCE_KEYS.has(key)) this.#find(`${path}.${key}`, "is no part of a resource");
    }
    const [known] = spec.lookup("resource", "cloudFormationType", "equals", resource.Type);
    if (!known) return this.#find(`${path}.Type`, `${resource.Type} is not known`);
    this.#resourceType = resource.Type;
    const shared = resource.Type === "AWS::Serverless::Function" ? (globals.Function ?? {}) : {};
    const properties = { ...shared, ...resource.Properties };
    this.findings.push(...this.#block(properties, known.properties, `${path}.Properties`, ""));
    if (resource.Condition) this.#condition(resource.Condition, path);
    for (const other of [resource.DependsOn ?? []].flat()) this.#name(other, `${path}.DependsOn`);
  }

  /**
   * @param {Block} block
   * @param {SpecProperties} properties
   * @param {string} path
   * @param {string} inside  the same, from the resource's properties on, for the exceptions
   * @returns {string[]}
   */
  #block(block, properties, path, inside) {
    const found = [];
    for (const [name, value] of Object.entries(block)) {
      const at = `${path}.${name}`;
      const within = inside ? `${inside}.${name}` : name;
      const exception = `${this.#resourceType} ${within}`;
      if (SAM_EXCEPTIONS.includes(exception)) {
        this.usedExceptions.add(exception);
        continue;
      }
      const property = properties[name];
      if (property) found.push(...this.#value(value, property.type, at, within));
      else found.push(`${at} is not known`);
      const known = KNOWN_VALUES.get(name);
      if (known && typeof value === "string" && !known.includes(value)) {
        found.push(`${at} is none of ${known.join(", ")}`);
      }
    }
    for (const [name, { required }] of Object.entries(properties)) {
      if (required && block[name] === undefined) found.push(`${path}.${name} is missing`);
    }
    return found;
  }

  /**
   * @param {any} value
   * @param {SpecType} type
   * @param {string} path
   * @param {string} inside
   * @returns {string[]}
   */
  #value(value, type, path, inside) {
    if (isIntrinsic(value)) {
      const branches = value["Fn::If"];
      if (!branches) return [];
      return [1, 2].flatMap((i) => this.#value(branches[i], type, `${path}[${i}]`, inside));
    }
    switch (type.type) {
      case "array":
        if (!Array.isArray(value)) return [`${path} is no list`];
        return value.flatMap((item, i) => this.#value(item, type.element, `${path}[${i}]`, inside));
      case "map":
        if (!isBlock(value)) return [`${path} has no members`];
        return Object.entries(value).flatMap(([name, item]) =>
          this.#value(item, type.element, `${path}.${name}`, `${inside}.${name}`),
        );
      case "ref": {
        if (!isBlock(value)) return [`${path} has no members`];
        const definition = spec.get("typeDefinition", type.reference.$ref);
        return this.#block(value, definition.properties, path, inside);
      }
      case "union": {
        const found = type.types.map((/** @type {SpecType} */ one) =>
          this.#value(value, one, path, inside),
        );
        // What it is nearest to is what was meant.
        return found.reduce((/** @type {string[]} */ a, /** @type {string[]} */ b) =>
          b.length < a.length ? b : a,
        );
      }
      case "json":
        return typeof value === "object" || isJson(value) ? [] : [`${path} is no document`];
      case "tag":
        return isBlock(value) && "Key" in value && "Value" in value ? [] : [`${path} is no tag`];
      default:
        return scalarFits(value, type.type) ? [] : [`${path} is no ${type.type}`];
    }
  }

  /** What names something else names something that is there. @param {any} node @param {string} path */
  #references(node, path) {
    if (Array.isArray(node)) {
      for (const [i, item] of node.entries()) this.#references(item, `${path}[${i}]`);
      return;
    }
    if (!isBlock(node)) return;
    if (isIntrinsic(node)) this.#intrinsic(node, path);
    for (const [name, item] of Object.entries(node)) {
      this.#references(item, path ? `${path}.${name}` : name);
    }
  }

  /** @param {Block} node @param {string} path */
  #intrinsic(node, path) {
    if (node.Ref) this.#name(node.Ref, path);
    if (node["Fn::GetAtt"]) this.#attribute(node["Fn::GetAtt"].join("."), path);
    if (node["Fn::If"]) this.#condition(node["Fn::If"][0], path);
    if (node.Condition) this.#condition(node.Condition, path);
    const text = [node["Fn::Sub"] ?? ""].flat()[0];
    for (const [, name] of text.matchAll(/\$\{([^!}][^}]*)\}/g)) {
      if (name.includes(".")) this.#attribute(name, path);
      else this.#name(name, path);
    }
  }

  /** @param {string} name @param {string} path */
  #name(name, path) {
    this.#referenced.add(name);
    const { Parameters, Resources } = this.#template;
    if (PSEUDO_PARAMETERS.has(name) || name in Parameters || name in Resources) return;
    this.#find(path, `names ${name}, which is not there`);
  }

  /** @param {string} name @param {string} path */
  #attribute(name, path) {
    const [owner, ...rest] = name.split(".");
    this.#referenced.add(owner);
    const type = this.#template.Resources[owner]?.Type;
    if (!type) return this.#find(path, `names ${owner}, which is not there`);
    const [known] = spec.lookup("resource", "cloudFormationType", "equals", type);
    const attributes = [
      ...Object.keys(known?.attributes ?? {}),
      ...(known?.primaryIdentifier ?? []),
      ...(SAM_ATTRIBUTES.get(type) ?? []),
    ];
    if (!attributes.includes(rest.join(".")))
      this.#find(path, `names ${name}, which ${type} lacks`);
  }

  /** @param {string} name @param {string} path */
  #condition(name, path) {
    this.#usedConditions.add(name);
    if (!(name in this.#template.Conditions)) {
      this.#find(path, `names the condition ${name}, which is not there`);
    }
  }
}

/** @param {any} value @param {string} type */
function scalarFits(value, type) {
  const text = String(value);
  if (!["string", "number", "boolean"].includes(typeof value)) return false;
  if (type === "boolean") return /^(true|false)$/.test(text);
  if (type === "integer") return /^-?[0-9]+$/.test(text);
  if (type === "number") return text !== "" && !Number.isNaN(Number(text));
  return true;
}

/** @param {any} value */
function isJson(value) {
  try {
    return typeof JSON.parse(value) === "object";
  } catch {
    return false;
  }
}

/** @param {any} value */
function isBlock(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {any} value */
function isIntrinsic(value) {
  if (!isBlock(value)) return false;
  const keys = Object.keys(value);
  return keys.length === 1 && /^(Ref|Condition|Fn::[A-Za-z0-9]+)$/.test(keys[0]);
}
