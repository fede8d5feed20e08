# Each queue: what happened in the bucket, and what is due. Lambda reads it in batches (lambda.tf).
locals {
  # An object in a place, as the rule for it says it.
  object_events = {
    conversion = [{ prefix = local.prefixes.raw }]
    catalog    = [{ wildcard = "${local.prefixes.curated}*/manifest.json" }]
  }
  # What is due, and the message that says so.
  tasks = {
    conversion = { schedule = var.reconcile_schedule, message = { task = "reconcile" } }
    catalog    = { schedule = var.maintenance_schedule, message = { task = "maintain" } }
  }

  queue_arns = {
    for stage in keys(local.object_events) : stage =>
    "arn:${local.partition}:sqs:${var.aws_region}:${local.account_id}:${local.stages[stage].name}"
  }
}

resource "aws_cloudwatch_event_rule" "objects" {
  for_each = local.object_events

  name        = "${local.stages[each.key].name}-objects"
  description = "Objects that are the business of the ${each.key} stage"
  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail = {
      bucket = { name = [aws_s3_bucket.data.id] }
      object = { key = each.value }
    }
  })
}

resource "aws_cloudwatch_event_rule" "task" {
  for_each = local.tasks

  name                = "${local.stages[each.key].name}-${each.value.message.task}"
  description         = "The ${each.value.message.task} task of the ${each.key} stage is due"
  schedule_expression = each.value.schedule
}

resource "aws_cloudwatch_event_target" "objects" {
  for_each = local.object_events

  rule      = aws_cloudwatch_event_rule.objects[each.key].name
  target_id = "queue"
  arn       = aws_sqs_queue.stage[each.key].arn

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters[each.key].arn
  }
}

resource "aws_cloudwatch_event_target" "task" {
  for_each = local.tasks

  rule      = aws_cloudwatch_event_rule.task[each.key].name
  target_id = "queue"
  arn       = aws_sqs_queue.stage[each.key].arn
  input     = jsonencode(each.value.message)
}

resource "aws_sqs_queue" "stage" {
  for_each = local.object_events

  name                              = local.stages[each.key].name
  kms_master_key_id                 = aws_kms_key.data.arn
  kms_data_key_reuse_period_seconds = 300
  receive_wait_time_seconds         = 20
  message_retention_seconds         = 4 * 24 * 3600
  # Less, and a message is given out again while a function still works on it.
  visibility_timeout_seconds = 6 * local.functions[each.key].timeout

  # Inline, both of them: as resources of their own they are set one after the other, and one may be lost.
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[each.key].arn
    maxReceiveCount     = 5
  })
  policy = local.queue_policies[each.key]
}

resource "aws_sqs_queue" "dead_letters" {
  for_each = local.object_events

  name                              = "${local.stages[each.key].name}-dead-letters"
  kms_master_key_id                 = aws_kms_key.data.arn
  kms_data_key_reuse_period_seconds = 300
  message_retention_seconds         = 14 * 24 * 3600

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.queue_arns[each.key]]
  })
  policy = local.dead_letter_policies[each.key]
}

locals {
  queue_policies = {
    for stage, arn in local.queue_arns : stage => jsonencode({
      Version = "2012-10-17"
      Statement = [
        local.tls_only_queue[arn],
        {
          Sid       = "EventsAndTasks"
          Effect    = "Allow"
          Principal = { Service = "events.amazonaws.com" }
          Action    = "sqs:SendMessage"
          Resource  = arn
          Condition = { ArnEquals = { "aws:SourceArn" = [
            aws_cloudwatch_event_rule.objects[stage].arn,
            aws_cloudwatch_event_rule.task[stage].arn,
          ] } }
        },
      ]
    })
  }
  dead_letter_policies = {
    for stage, arn in local.queue_arns : stage => jsonencode({
      Version = "2012-10-17"
      Statement = [
        local.tls_only_queue["${arn}-dead-letters"],
        {
          Sid       = "EventsThatCouldNotBeDelivered"
          Effect    = "Allow"
          Principal = { Service = "events.amazonaws.com" }
          Action    = "sqs:SendMessage"
          Resource  = "${arn}-dead-letters"
          Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.objects[stage].arn } }
        },
      ]
    })
  }
  tls_only_queue = {
    for arn in flatten([for arn in values(local.queue_arns) : [arn, "${arn}-dead-letters"]]) : arn => {
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }
}
