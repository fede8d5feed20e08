resource "aws_sns_topic" "alarms" {
  name              = "${local.name_prefix}-alarms"
  kms_master_key_id = aws_kms_key.data.arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AlarmsOfThisAccount"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms.arn
        Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
      },
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.alarm_emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

locals {
  metrics_namespace = "MedicalDataPipeline"

  queue_alarms = merge([for stage in keys(local.object_events) : {
    "${stage}-dead-letters" = {
      description = "Messages were tried five times. Look at the log of ${local.stages[stage].name}, mend the cause, redrive them."
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.dead_letters[stage].name }
      statistic   = "Maximum"
      threshold   = 0
      periods     = 1
    }
    "${stage}-waiting-long" = {
      description = "A message has waited for more than half an hour: the ${stage} stage does not keep up, or fails."
      namespace   = "AWS/SQS"
      metric      = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = aws_sqs_queue.stage[stage].name }
      statistic   = "Maximum"
      threshold   = 1800
      periods     = 2
    }
    "${stage}-many-waiting" = {
      description = "More than 10000 messages wait for the ${stage} stage."
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.stage[stage].name }
      statistic   = "Maximum"
      threshold   = 10000
      periods     = 3
    }
  }]...)

  function_alarms = merge([for stage, names in local.stages : {
    "${stage}-errors" = {
      description = "${names.name} ended in an error or ran out of time or memory."
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = { FunctionName = names.name }
      statistic   = "Sum"
      threshold   = 0
      periods     = 2
    }
    "${stage}-throttled" = {
      description = "${names.name} was wanted more often at once than it may run: raise reserved_concurrency."
      namespace   = "AWS/Lambda"
      metric      = "Throttles"
      dimensions  = { FunctionName = names.name }
      statistic   = "Sum"
      threshold   = 0
      periods     = 3
    }
  }]...)

  api_alarms = {
    "api-errors" = {
      description = "The API answered with 5xx."
      namespace   = "AWS/ApiGateway"
      metric      = "5XXError"
      dimensions  = { ApiName = aws_api_gateway_rest_api.query.name, Stage = var.environment }
      statistic   = "Sum"
      threshold   = 0
      periods     = 2
    }
    "api-denied" = {
      description = "More than 100 requests in five minutes were refused (4xx): a broken client, or somebody who tries."
      namespace   = "AWS/ApiGateway"
      metric      = "4XXError"
      dimensions  = { ApiName = aws_api_gateway_rest_api.query.name, Stage = var.environment }
      statistic   = "Sum"
      threshold   = 100
      periods     = 1
    }
  }

  # Of a load that was given up after its tries no message is left that could become a dead letter.
  load_alarms = { for stage in keys(local.object_events) : "${stage}-failed-loads" => {
    description = "Files that were taken in are not in their tables: GET /loads?state=failed says which. Mend the cause, then replay them."
    namespace   = local.metrics_namespace
    metric      = "Failed"
    dimensions  = { service = stage }
    statistic   = "Sum"
    threshold   = 0
    periods     = 1
  } }

  alarms = merge(local.queue_alarms, local.function_alarms, local.load_alarms, local.api_alarms)
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.name_prefix}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

locals {
  # Three to a row.
  graphs = [
    { title = "Waiting messages", stat = "Maximum", metrics = [for stage in keys(local.object_events) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", local.stages[stage].name]] },
    { title = "Age of the oldest message (s)", stat = "Maximum", metrics = [for stage in keys(local.object_events) : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", local.stages[stage].name]] },
    { title = "Dead letters", stat = "Maximum", metrics = [for stage in keys(local.object_events) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${local.stages[stage].name}-dead-letters"]] },
    { title = "Invocations", stat = "Sum", metrics = [for names in values(local.stages) : ["AWS/Lambda", "Invocations", "FunctionName", names.name]] },
    { title = "Errors", stat = "Sum", metrics = [for names in values(local.stages) : ["AWS/Lambda", "Errors", "FunctionName", names.name]] },
    { title = "Duration, p95 (ms)", stat = "p95", metrics = [for names in values(local.stages) : ["AWS/Lambda", "Duration", "FunctionName", names.name]] },
    { title = "Requests", stat = "Sum", metrics = [for metric in ["Count", "4XXError", "5XXError"] : ["AWS/ApiGateway", metric, "ApiName", local.name_prefix, "Stage", var.environment]] },
    { title = "Latency of the API, p95 (ms)", stat = "p95", metrics = [["AWS/ApiGateway", "Latency", "ApiName", local.name_prefix, "Stage", var.environment]] },
    { title = "Bytes read by queries", stat = "Sum", metrics = [["AWS/Athena", "ProcessedBytes", "WorkGroup", aws_athena_workgroup.query.name]] },
  ]
}

resource "aws_cloudwatch_dashboard" "pipeline" {
  dashboard_name = local.name_prefix
  dashboard_body = jsonencode({
    widgets = [for index, graph in local.graphs : {
      type   = "metric"
      x      = index % 3 * 8
      y      = floor(index / 3) * 6
      width  = 8
      height = 6
      properties = {
        title   = graph.title
        region  = var.aws_region
        stat    = graph.stat
        period  = 300
        view    = "timeSeries"
        metrics = graph.metrics
      }
    }]
  })
}
