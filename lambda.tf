locals {
  # What a function has unless function_overrides says otherwise.
  function_defaults = {
    conversion = { ephemeral_storage_mb = 4096, reserved_concurrency = 20 }
    catalog    = { ephemeral_storage_mb = 1024, reserved_concurrency = 2 }
    query      = { ephemeral_storage_mb = 512, reserved_concurrency = 20 }
  }
  functions = {
    for stage, defaults in local.function_defaults : stage => {
      memory_size          = coalesce(try(var.function_overrides[stage].memory_size, null), var.lambda_memory_size)
      timeout              = coalesce(try(var.function_overrides[stage].timeout, null), var.lambda_timeout)
      ephemeral_storage_mb = coalesce(try(var.function_overrides[stage].ephemeral_storage_mb, null), defaults.ephemeral_storage_mb)
      reserved_concurrency = coalesce(try(var.function_overrides[stage].reserved_concurrency, null), defaults.reserved_concurrency)
      log_level            = coalesce(try(var.function_overrides[stage].log_level, null), var.log_level)
    }
  }

  # A batch waits until it is full or old enough. The catalog takes many loads at once, since a commit costs about
  # the same for one as for a hundred, and few at a time, since commits to one table take turns anyway.
  batches = {
    conversion = { size = 10, window_s = 1, concurrency = 20 }
    catalog    = { size = 100, window_s = 5, concurrency = 2 }
  }

  # The settings of each function; docs/aws.md says what each is for.
  environment = {
    conversion = {
      BUCKET                  = aws_s3_bucket.data.id
      LEDGER_TABLE            = aws_dynamodb_table.ledger.name
      GLUE_DATABASE           = aws_glue_catalog_database.data.name
      DEFAULT_TABLE           = var.glue_table_name
      DATASETS_KEY            = local.datasets_key
      CONVERSION_QUEUE_URL    = aws_sqs_queue.stage["conversion"].url
      CATALOG_QUEUE_URL       = aws_sqs_queue.stage["catalog"].url
      LARGE_FILE_BYTES        = var.large_file_bytes
      SPARK_JOB_NAME          = one([for job in aws_glue_job.large_files : job.name])
      RECONCILE_AFTER_MINUTES = var.reconcile_after_minutes
    }
    catalog = {
      BUCKET               = aws_s3_bucket.data.id
      LEDGER_TABLE         = aws_dynamodb_table.ledger.name
      GLUE_DATABASE        = aws_glue_catalog_database.data.name
      CONVERSION_QUEUE_URL = aws_sqs_queue.stage["conversion"].url
    }
    query = {
      BUCKET               = aws_s3_bucket.data.id
      LEDGER_TABLE         = aws_dynamodb_table.ledger.name
      QUERIES_TABLE        = aws_dynamodb_table.queries.name
      GLUE_DATABASE        = aws_glue_catalog_database.data.name
      WORKGROUP            = aws_athena_workgroup.query.name
      RESULT_PREFIX        = local.prefixes.results
      QUERY_RESULT_DAYS    = var.query_result_days
      CONVERSION_QUEUE_URL = aws_sqs_queue.stage["conversion"].url
      UPLOAD_ROLE_ARN      = aws_iam_role.upload.arn
    }
  }
  datasets_key = one([for object in aws_s3_object.datasets : object.key])
}

resource "aws_lambda_function" "stage" {
  # checkov:skip=CKV_AWS_116:Nothing invokes it asynchronously; each queue has its own dead letters
  # checkov:skip=CKV_AWS_117:It speaks to AWS services only, over TLS; a VPC would add no boundary that IAM has not
  # checkov:skip=CKV_AWS_272:Lambda signs ZIP files only; images are pinned by digest, and signed and verified when deployed
  for_each = local.stages

  function_name                  = each.value.name
  description                    = "The ${each.key} stage"
  role                           = aws_iam_role.stage[each.key].arn
  package_type                   = "Image"
  image_uri                      = local.image_uris[each.key]
  architectures                  = [var.lambda_architecture]
  memory_size                    = local.functions[each.key].memory_size
  timeout                        = local.functions[each.key].timeout
  reserved_concurrent_executions = local.functions[each.key].reserved_concurrency
  kms_key_arn                    = aws_kms_key.data.arn

  ephemeral_storage {
    size = local.functions[each.key].ephemeral_storage_mb
  }
  tracing_config {
    mode = "Active"
  }
  logging_config {
    log_group             = aws_cloudwatch_log_group.stage[each.key].name
    log_format            = "JSON"
    application_log_level = local.functions[each.key].log_level
    system_log_level      = "WARN"
  }
  environment {
    variables = merge(
      # A setting without a value is one that is not set.
      { for name, value in local.environment[each.key] : name => value if value != null },
      {
        POWERTOOLS_SERVICE_NAME      = each.key
        POWERTOOLS_METRICS_NAMESPACE = local.metrics_namespace
        POWERTOOLS_LOG_LEVEL         = local.functions[each.key].log_level
      },
    )
  }

  # A function that starts before its policy is there fails; one without its log group makes one without a key.
  depends_on = [aws_iam_role_policy.stage, aws_cloudwatch_log_group.stage]
}

resource "aws_cloudwatch_log_group" "stage" {
  for_each = local.stages

  name              = "/aws/lambda/${each.value.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.data.arn
}

resource "aws_lambda_event_source_mapping" "stage" {
  for_each = local.batches

  event_source_arn                   = aws_sqs_queue.stage[each.key].arn
  function_name                      = aws_lambda_function.stage[each.key].arn
  batch_size                         = each.value.size
  maximum_batching_window_in_seconds = each.value.window_s
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    # Never more than the function may have at once: what is throttled counts as tried.
    maximum_concurrency = local.functions[each.key].reserved_concurrency == -1 ? each.value.concurrency : min(each.value.concurrency, local.functions[each.key].reserved_concurrency)
  }
}

resource "aws_lambda_permission" "api" {
  statement_id   = "ApiInvokes"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.stage["query"].function_name
  principal      = "apigateway.amazonaws.com"
  source_arn     = "${aws_api_gateway_rest_api.query.execution_arn}/${var.environment}/*"
  source_account = local.account_id
}
