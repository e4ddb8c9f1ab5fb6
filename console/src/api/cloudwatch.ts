//! The metrics' client.

import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";

import { type Access, clientSettings, once } from "./access";

export { GetMetricDataCommand, ListMetricsCommand } from "@aws-sdk/client-cloudwatch";

export const cloudwatchOf = once((access: Access) => new CloudWatchClient(clientSettings(access)));
