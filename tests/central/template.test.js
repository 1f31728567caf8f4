/**
 * The template check: what is deployed to AWS fits the schemas, and what the code, the contract and good
 * sense ask of it. Nothing here talks to AWS.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { bundleFunctions, FUNCTIONS } from "../../central/build.js";
import { EVENT_BYTES_MAX, HEAD_DEADLINE_MS, STORE_DEADLINE_MS } from "../../central/limits.js";
import { METRIC_NAMESPACE, METRIC_SERVICE, Meter } from "../../central/meter.js";
import { tableDefinition } from "../../central/table.js";
import { openStore, startLambda, temporaryDirectory } from "./support.js";
import { checkTemplate, SAM_EXCEPTIONS } from "./template-check.js";

const CENTRAL = resolve(import.meta.dirname, "../../central");
const TEXT = readFileSync(join(CENTRAL, "template.yaml"), "utf8");
const { template, findings, usedExceptions } = checkTemplate(TEXT);
const { Resources, Globals } = template;

/** @param {string} type */
const ofType = (type) => Object.entries(Resources).filter(([, resource]) => resource.Type === type);

const functions = Object.fromEntries(
  ofType("AWS::Serverless::Function").map(([name, { Properties }]) => [
    name,
    { ...Globals.Function, ...Properties },
  ]),
);

/**
 * All resources that a resource needs, and those that they need. What SAM makes of a function's events
 * and deployment are resources beside the function, which does not need them.
 *
 * @param {string} name
 */
function reachable(name) {
  const found = new Set([name]);
  for (const next of found) {
    const { Events, DeploymentPreference, ...own } = Resources[next].Properties;
    const text = JSON.stringify(own);
    for (const other of Object.keys(Resources)) {
      const isNamed = [`{"Ref":"${other}"}`, `["${other}",`, `$\{${other}}`, `$\{${other}.`].some(
        (part) => text.includes(part),
      );
      if (isNamed) found.add(other);
    }
  }
  return found;
}

test("the template check", () => {
  assert.deepEqual(findings, []);
  assert.deepEqual([...usedExceptions].sort(), SAM_EXCEPTIONS.toSorted());
});

describe("a template that is wrong does not pass", () => {
  /** @type {[string, string | RegExp, string, RegExp][]} what, from, to, the finding */
  const mutations = [
    [
      "a property misspelt",
      "BillingMode:",
      "BilingMode:",
      /Table.Properties.BilingMode is not known/,
    ],
    [
      "one deep inside misspelt",
      "PointInTimeRecoveryEnabled",
      "PointInTimeEnabled",
      /is not known/,
    ],
    [
      "in a branch of a condition",
      /(ReplicaRegion\n *)Deletion/,
      "$1Deltion",
      /Replicas.*not known/,
    ],
    [
      "a type that is none",
      "AWS::SQS::Queue",
      "AWS::SQS::Queueue",
      /AWS::SQS::Queueue is not known/,
    ],
    [
      "required by the schema",
      "      FunctionName: !Ref StreamFunction\n",
      "",
      /FunctionName is missing/,
    ],
    ["a text for a number", "BatchSize: 100", "BatchSize: many", /BatchSize is no integer/],
    ["a text for a list", "[ReportBatchItemFailures]", "ReportBatchItemFailures", /is no list/],
    ["a text for a truth", "Enabled: true", "Enabled: maybe", /Enabled is no boolean/],
    ["a reference to nothing", "!Ref Bus\n", "!Ref Buss\n", /names Buss, which is not there/],
    ["an attribute of nothing", "Bus.Arn", "Bus.Arm", /names Bus.Arm/],
    ["a text that names nothing", "{Api}/", "{Apy}/", /names Apy/],
    ["a condition that is none", "[HasReservedC", "[HadReservedC", /condition HadReserved/],
    ["a value that is none", "Statistic: Sum", "Statistic: Total", /Statistic is none of/],
    ["a runtime that is none", "nodejs24.x", "nodejs42.x", /Runtime is none of/],
    ["a part of a resource misspelt", "DeletionPolicy", "DeletePolicy", /no part of a resource/],
    ["a section misspelt", "Outputs:", "Output:", /no part of a template/],
    [
      "a parameter nobody reads",
      "Parameters:\n",
      "Parameters:\n  X:\n    Type: String\n",
      /X is not used/,
    ],
    [
      "a SAM property misspelt",
      "AutoPublishAlias",
      "AutoPublishAlia",
      /AutoPublishAlia is not known/,
    ],
  ];
  for (const [what, from, to, expected] of mutations) {
    test(what, () => {
      const changed = TEXT.replace(from, to);
      assert.notEqual(changed, TEXT, "nothing was changed");
      const found = checkTemplate(changed).findings;
      assert.ok(
        found.some((finding) => expected.test(finding)),
        `found only: ${found.join("; ") || "nothing"}`,
      );
    });
  }
});

describe("the table", () => {
  const { Properties, DeletionPolicy, UpdateReplacePolicy } = Resources.Table;

  test("has the keys that the code uses", () => {
    const { TableName, ...defined } = tableDefinition("x");
    for (const [name, value] of Object.entries(defined)) {
      assert.deepEqual(Properties[name], value, name);
    }
  });

  test("can't be lost: protected, kept, and restorable to any second, in both regions", () => {
    assert.equal(DeletionPolicy, "Retain");
    assert.equal(UpdateReplacePolicy, "Retain");
    const [
      here,
      {
        "Fn::If": [condition, there, none],
      },
    ] = Properties.Replicas;
    assert.equal(condition, "HasReplica");
    assert.deepEqual(none, { Ref: "AWS::NoValue" });
    assert.deepEqual(here.Region, { Ref: "AWS::Region" });
    assert.deepEqual(there.Region, { Ref: "ReplicaRegion" });
    for (const replica of [here, there]) {
      assert.equal(replica.DeletionProtectionEnabled, true);
      assert.equal(replica.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled, true);
    }
  });

  test("drops what the store gives an end, and tells of every change", async (t) => {
    const { AttributeName, Enabled } = Properties.TimeToLiveSpecification;
    assert.equal(Enabled, true);
    const { store, items } = await openStore(t, { retentionDays: 1 });
    const records = [{ type: /** @type {const} */ ("delete"), seq: 2, ts: 1, target: 1, by: "m" }];
    await store.storeBatch({ room: "r", epoch: "e", records });
    for (const item of (await items()).filter(({ sk }) => sk !== "HEAD")) {
      assert.equal(typeof item[AttributeName], "number");
    }
    assert.equal(Properties.StreamSpecification.StreamViewType, "NEW_AND_OLD_IMAGES");
  });
});

describe("who may do what", () => {
  test("the Worker's user may call the two routes, and nothing else", () => {
    const users = ofType("AWS::IAM::User");
    assert.equal(users.length, 1);
    const { Policies, ManagedPolicyArns, Groups } = users[0][1].Properties;
    assert.equal(ManagedPolicyArns, undefined);
    assert.equal(Groups, undefined);
    assert.equal(Policies.length, 1);
    const prefix =
      // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation puts something in there.
      "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/$default";
    assert.deepEqual(Policies[0].PolicyDocument, {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Action: "execute-api:Invoke",
          Resource: [
            { "Fn::Sub": `${prefix}/POST/v1/batches` },
            { "Fn::Sub": `${prefix}/GET/v1/rooms/*/messages` },
          ],
        },
      ],
    });
    assert.deepEqual(ofType("AWS::IAM::AccessKey"), []);
  });

  test("every route is signed but the health check", () => {
    const { Auth } = Resources.Api.Properties;
    assert.deepEqual(Auth, { EnableIamAuthorizer: true, DefaultAuthorizer: "AWS_IAM" });
    const routes = Object.values(functions).flatMap(({ Events = {} }) => Object.values(Events));
    const found = routes.map(({ Type, Properties: { Method, Path, ApiId, Auth: auth } }) => {
      assert.equal(Type, "HttpApi");
      assert.deepEqual(ApiId, { Ref: "Api" });
      return `${Method} ${Path}${auth ? ` ${auth.Authorizer}` : ""}`;
    });
    assert.deepEqual(found, [
      "POST /v1/batches",
      "GET /v1/rooms/{room}/messages",
      "GET /health NONE",
    ]);
  });

  test("functions get at one table, one bus and one queue, and no more than they use", () => {
    const granted = Object.fromEntries(
      Object.entries(functions).map(([name, { Policies }]) => [
        name,
        Policies.flatMap((/** @type {any} */ { Statement }) => Statement).map(
          (/** @type {any} */ { Effect, Action, Resource }) => {
            assert.equal(Effect, "Allow");
            return [[Action].flat().join(" "), Resource["Fn::GetAtt"]?.join(".") ?? Resource];
          },
        ),
      ]),
    );
    assert.deepEqual(granted, {
      StoreFunction: [
        ["dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem", "Table.Arn"],
      ],
      StreamFunction: [
        ["events:PutEvents", "Bus.Arn"],
        [
          "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator",
          "Table.StreamArn",
        ],
        ["dynamodb:ListStreams", "*"],
        ["sqs:SendMessage", "StreamDeadLetters.Arn"],
      ],
    });
    const items = readFileSync(join(CENTRAL, "items.js"), "utf8");
    const commands = new Set(
      [...items.matchAll(/new (Get|Put|Query|Update)Command/g)].map((m) => m[1]),
    );
    assert.deepEqual([...commands].sort(), ["Get", "Put", "Query", "Update"]);
  });
});

describe("the functions", () => {
  test("are what central/build.js makes: each handler is there, runs, and needs no package", async (t) => {
    assert.equal(resolve(CENTRAL, Globals.Function.CodeUri), resolve(CENTRAL, "../build/central"));
    const folder = temporaryDirectory(t);
    const { inputs } = await bundleFunctions(folder);
    const handlers = Object.values(functions).map(({ Handler }) => Handler.split("."));
    assert.deepEqual(handlers.map(([file]) => file).sort(), FUNCTIONS.toSorted());
    for (const [file, name] of handlers) {
      const module = await import(pathToFileURL(join(folder, `${file}.mjs`)).href);
      assert.equal(typeof module[name], "function", `${file}.${name}`);
      assert.equal(module[name].length, 1, "a Lambda function with a callback is not called back");
    }
    // Away from the repository and its packages, as on AWS.
    const { proxy } = await openStore(t);
    const lambda = startLambda(t, pathToFileURL(join(folder, "handler.mjs")).href, {
      TABLE_NAME: "test",
      AWS_ENDPOINT_URL_DYNAMODB: proxy.endpoint,
    });
    const event = {
      rawPath: "/v1/rooms/lobby/messages",
      requestContext: { http: { method: "GET" }, stage: "$default" },
    };
    const answer = await lambda.invoke(event);
    assert.equal(answer?.statusCode, 200, lambda.output.stderr);

    // Every setting that our part of it reads is set.
    const sources = Object.keys(inputs).filter((file) => file.startsWith("central/"));
    const read = new Set(
      sources.flatMap((file) =>
        [
          ...readFileSync(resolve(CENTRAL, "..", file), "utf8").matchAll(/process\.env\.(\w+)/g),
        ].map((match) => match[1]),
      ),
    );
    const set = Object.values(functions).flatMap(({ Environment }) =>
      Object.keys(Environment.Variables),
    );
    assert.ok(read.has("TABLE_NAME") && read.has("EVENT_BUS_NAME"));
    for (const name of read) assert.ok(set.includes(name), `${name} is read and not set`);
  });

  test("run on arm64 with Node.js 24, traced, with JSON logs that are not kept for ever", () => {
    for (const [name, properties] of Object.entries(functions)) {
      assert.equal(properties.Runtime, "nodejs24.x", name);
      assert.deepEqual(properties.Architectures, ["arm64"], name);
      assert.equal(properties.Tracing, "Active", name);
      assert.equal(properties.LoggingConfig.LogFormat, "JSON", name);
      // A level above INFO would drop the lines that metrics are made of.
      assert.equal(properties.LoggingConfig.ApplicationLogLevel, "INFO", name);
      const group = Resources[properties.LoggingConfig.LogGroup.Ref];
      assert.equal(group.Type, "AWS::Logs::LogGroup");
    }
    for (const [name, { Properties }] of ofType("AWS::Logs::LogGroup")) {
      assert.ok(Properties.RetentionInDays, name);
    }
  });

  test("the store's function gives up after the store does, and before the gateway", () => {
    const { Timeout } = functions.StoreFunction;
    assert.ok(Timeout * 1000 > STORE_DEADLINE_MS + HEAD_DEADLINE_MS);
    assert.ok(Timeout < 30);
  });

  test("a new version takes over step by step, and alarms take it back", () => {
    const { AutoPublishAlias, DeploymentPreference } = functions.StoreFunction;
    assert.equal(AutoPublishAlias, "live");
    assert.match(DeploymentPreference.Type, /^Linear/);
    assert.ok(DeploymentPreference.Alarms.length >= 3);
    for (const { Ref } of DeploymentPreference.Alarms) {
      assert.equal(Resources[Ref]?.Type, "AWS::CloudWatch::Alarm", Ref);
      // SAM puts the alias into the API, and these alarms before the alias: none may wait for the API.
      assert.ok(!reachable(Ref).has("Api"), `${Ref} goes round in a circle`);
    }
    assert.ok(reachable("ServerErrorsAlarm").has("Api"));
  });

  test("the stream is given up bit by bit, into a queue, and never all at once", () => {
    const { Properties } = Resources.StreamSource;
    assert.equal(Properties.StartingPosition, "TRIM_HORIZON");
    assert.equal(Properties.BisectBatchOnFunctionError, true);
    assert.deepEqual(Properties.FunctionResponseTypes, ["ReportBatchItemFailures"]);
    assert.ok(Properties.MaximumRetryAttempts > 0);
    assert.ok(
      Properties.MaximumRecordAgeInSeconds < 24 * 60 * 60,
      "the stream forgets after a day",
    );
    const queue = Resources[Properties.DestinationConfig.OnFailure.Destination["Fn::GetAtt"][0]];
    assert.equal(queue.Type, "AWS::SQS::Queue");
    assert.deepEqual(JSON.parse(Properties.FilterCriteria.Filters[0].Pattern), {
      eventName: ["INSERT", "MODIFY"],
      dynamodb: { NewImage: { t: { S: [{ exists: true }] } } },
    });
    assert.ok(EVENT_BYTES_MAX < 256 * 1024);
  });
});

describe("what operators see", () => {
  /** Every metric that our code can tell of. */
  function ownMetrics() {
    const names = new Set();
    const sink = { addMetric: (/** @type {string} */ name) => names.add(name) };
    const meter = new Meter(/** @type {any} */ (sink));
    meter.countResults([
      { seq: 1, status: "stored" },
      { seq: 2, status: "duplicate" },
      { seq: 3, status: "rejected", code: "CONFLICT" },
      { seq: 4, status: "rejected", code: "TOO_LARGE" },
      { seq: 5, status: "retry", code: "THROTTLED" },
      { seq: 6, status: "retry", code: "UNAVAILABLE" },
    ]);
    for (const file of readdirSync(CENTRAL).filter((name) => name.endsWith(".js"))) {
      const source = readFileSync(join(CENTRAL, file), "utf8");
      for (const [, name] of source.matchAll(/meter\.(?:count|time)\("(\w+)"/g)) names.add(name);
    }
    return names;
  }

  test("alarms for 5xx, latency, throttles, conflicts, and a stream that is late or given up", () => {
    const watched = ofType("AWS::CloudWatch::Alarm").map(([name, { Properties }]) => {
      assert.ok(Properties.AlarmDescription, name);
      assert.equal(Properties.TreatMissingData, "notBreaching", name);
      const [condition, [topic]] = Properties.AlarmActions["Fn::If"];
      assert.deepEqual([condition, topic], ["HasAlarmTopic", { Ref: "AlarmTopicArn" }], name);
      return `${Properties.Namespace} ${Properties.MetricName}`;
    });
    assert.deepEqual(watched.sort(), [
      "AWS/ApiGateway 5xx",
      "AWS/ApiGateway Latency",
      "AWS/DynamoDB WriteThrottleEvents",
      "AWS/Lambda Errors",
      "AWS/Lambda IteratorAge",
      "AWS/Lambda Throttles",
      "AWS/SQS ApproximateNumberOfMessagesVisible",
      "Edgeroom BatchLatency",
      "Edgeroom Fault",
      "Edgeroom RejectedConflict",
      "Edgeroom RetryUnavailable",
    ]);
    assert.equal(Resources.LatencyAlarm.Properties.ExtendedStatistic, "p99");
    for (const [name, { Properties }] of ofType("AWS::CloudWatch::Alarm")) {
      if (Properties.Namespace !== METRIC_NAMESPACE) continue;
      assert.deepEqual(Properties.Dimensions, [{ Name: "service", Value: METRIC_SERVICE }], name);
      assert.ok(ownMetrics().has(Properties.MetricName), name);
    }
  });

  test("the dashboard is JSON, and shows every metric of ours by its name", () => {
    const { widgets } = JSON.parse(Resources.Dashboard.Properties.DashboardBody["Fn::Sub"]);
    const metrics = widgets.flatMap((/** @type {any} */ { properties }) => properties.metrics);
    const own = metrics.filter(
      (/** @type {string[]} */ [namespace]) => namespace === METRIC_NAMESPACE,
    );
    for (const [, , dimension, value] of own) {
      assert.deepEqual([dimension, value], ["service", METRIC_SERVICE]);
    }
    const shown = own.map((/** @type {string[]} */ [, name]) => name);
    assert.deepEqual(shown.sort(), [...ownMetrics()].sort());
  });

  test("the access log is JSON, and holds no path, query or header", () => {
    const { Format } = Resources.Api.Properties.AccessLogSetting;
    const fields = JSON.parse(Format);
    assert.doesNotMatch(Format, /\$context\.path|querystring|header|authorizer/i);
    assert.ok(Object.values(fields).every((value) => /^\$context\./.test(value)));
  });

  test("requests are limited, those to the open route most", () => {
    const { DefaultRouteSettings, RouteSettings } = Resources.Api.Properties;
    assert.ok(DefaultRouteSettings.ThrottlingRateLimit);
    assert.ok(DefaultRouteSettings.ThrottlingBurstLimit);
    assert.ok(RouteSettings["GET /health"].ThrottlingRateLimit <= 10);
  });
});
