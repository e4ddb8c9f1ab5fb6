# Endpoint, keys and region come from the environment: nothing here speaks of Millstream.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {}

variable "name" { type = string }

data "aws_caller_identity" "me" {}

resource "aws_kinesis_stream" "meters" {
  name                      = var.name
  shard_count               = 2
  retention_period          = 48
  shard_level_metrics       = ["IncomingBytes", "OutgoingBytes"]
  enforce_consumer_deletion = true
  tags                      = { team = "grid" }
}

resource "aws_kinesis_stream" "on_demand" {
  name = "${var.name}-on-demand"
  stream_mode_details { stream_mode = "ON_DEMAND" }
}

resource "aws_kinesis_stream_consumer" "billing" {
  name       = "billing"
  stream_arn = aws_kinesis_stream.meters.arn
}

resource "aws_kinesis_resource_policy" "readers" {
  resource_arn = aws_kinesis_stream.meters.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "readers"
      Effect    = "Allow"
      Principal = { AWS = data.aws_caller_identity.me.account_id }
      Action    = ["kinesis:DescribeStreamSummary", "kinesis:ListShards"]
      Resource  = aws_kinesis_stream.meters.arn
    }]
  })
}
