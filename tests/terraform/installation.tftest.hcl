# An installation as the defaults make it, and one with settings of its own.

mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

variables {
  s3_bucket_name = "installation-of-a-test"
}

run "defaults" {
  command = apply

  # The names that users type

  assert {
    condition = [var.aws_region, var.environment, var.project_name, var.glue_database_name, var.glue_table_name, var.lambda_image_tag] == [
      "eu-central-1", "production", "medical-data-pipeline", "medical_data_db", "medical_records", "latest",
    ]
    error_message = "A default is not the one in the documentation."
  }
  assert {
    condition     = { for stage, function in aws_lambda_function.stage : stage => [function.function_name, function.memory_size, function.timeout] } == { conversion = ["medical-data-pipeline-conversion", 512, 300], catalog = ["medical-data-pipeline-glue-catalog", 512, 300], query = ["medical-data-pipeline-query", 512, 300] }
    error_message = "The functions have other names, memory or timeouts."
  }
  assert {
    condition = toset([for group in aws_cloudwatch_log_group.stage : group.name]) == toset([
      "/aws/lambda/medical-data-pipeline-conversion", "/aws/lambda/medical-data-pipeline-glue-catalog", "/aws/lambda/medical-data-pipeline-query",
    ])
    error_message = "The log groups have other names."
  }
  assert {
    condition = [aws_ecr_repository.conversion_lambda.name, aws_ecr_repository.glue_catalog_lambda.name, aws_ecr_repository.query_lambda.name] == [
      for folder in ["conversion", "glue_catalog", "query"] : "medical-data-pipeline-${folder}-lambda"
    ]
    error_message = "The loop that builds the images pushes them to other repositories."
  }
  assert {
    condition     = output.api_gateway_url == "https://mock.execute-api.eu-central-1.amazonaws.com/production/query" && aws_api_gateway_stage.query.stage_name == "production"
    error_message = "api_gateway_url is not the URL of the query route."
  }
  assert {
    condition     = alltrue([for uri in values(output.lambda_image_uris) : can(regex("@sha256:[0-9a-f]{64}$", uri))])
    error_message = "An image is not pinned by its digest."
  }
  assert {
    condition     = aws_ecr_repository.query_lambda.image_tag_mutability == "MUTABLE"
    error_message = "Who works with latest has to be able to push it again."
  }

  # Encryption, TLS, who may do what

  assert {
    condition     = alltrue([for repository in local.repositories : repository.encryption_configuration[0].kms_key == aws_kms_key.data.arn && repository.image_scanning_configuration[0].scan_on_push])
    error_message = "A repository of images has another key, or is not scanned."
  }
  assert {
    condition     = alltrue([for queue in concat(values(aws_sqs_queue.stage), values(aws_sqs_queue.dead_letters)) : queue.kms_master_key_id == aws_kms_key.data.arn])
    error_message = "A queue has another key."
  }
  assert {
    condition     = alltrue([for table in [aws_dynamodb_table.ledger, aws_dynamodb_table.queries] : table.server_side_encryption[0].kms_key_arn == aws_kms_key.data.arn && table.point_in_time_recovery[0].enabled])
    error_message = "A DynamoDB table has another key, or cannot be restored."
  }
  assert {
    condition     = alltrue([for group in concat(values(aws_cloudwatch_log_group.stage), [aws_cloudwatch_log_group.api, aws_cloudwatch_log_group.api_execution]) : group.kms_key_id == aws_kms_key.data.arn && group.retention_in_days == 365])
    error_message = "A log group has another key, or keeps its logs for another time."
  }
  assert {
    condition     = aws_athena_workgroup.query.configuration[0].enforce_workgroup_configuration && aws_athena_workgroup.query.configuration[0].result_configuration[0].encryption_configuration[0].kms_key_arn == aws_kms_key.data.arn
    error_message = "The workgroup lets its results be put elsewhere, or has another key."
  }
  assert {
    condition     = aws_athena_workgroup.query.configuration[0].bytes_scanned_cutoff_per_query == 10737418240
    error_message = "A query may read without limit."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.stage : function.kms_key_arn == aws_kms_key.data.arn && function.tracing_config[0].mode == "Active"])
    error_message = "A function's settings have another key, or it is not traced."
  }
  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.data.rule).bucket_key_enabled && one(one(aws_s3_bucket_server_side_encryption_configuration.data.rule).apply_server_side_encryption_by_default).kms_master_key_id == aws_kms_key.data.arn
    error_message = "The bucket has another key, or asks KMS for each object."
  }
  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == aws_kms_key.data.arn && aws_kms_key.data.enable_key_rotation
    error_message = "The topic has another key, or the key is not rotated."
  }

  assert {
    condition = alltrue([for policy in concat([aws_s3_bucket_policy.data.policy, aws_sns_topic_policy.alarms.policy], [for queue in concat(values(aws_sqs_queue.stage), values(aws_sqs_queue.dead_letters)) : queue.policy]) :
      anytrue([for statement in jsondecode(policy).Statement : statement.Effect == "Deny" && statement.Principal == "*" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"])
    ])
    error_message = "A bucket, queue or topic answers without TLS."
  }
  assert {
    condition     = alltrue([for name in ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"] : aws_s3_bucket_public_access_block.data[name]])
    error_message = "The bucket can be made public."
  }

  assert {
    condition = alltrue(flatten([for policy in concat(values(aws_iam_role_policy.stage)[*].policy, [aws_iam_role_policy.upload.policy]) : [
      for statement in jsondecode(policy).Statement : [for action in flatten([statement.Action]) : !strcontains(action, "*")]
    ]]))
    error_message = "An action is a wildcard."
  }
  assert {
    condition = toset(flatten([for policy in concat(values(aws_iam_role_policy.stage)[*].policy, [aws_iam_role_policy.upload.policy]) : [
      for statement in jsondecode(policy).Statement : statement.Sid if contains(flatten([statement.Resource]), "*")
    ]])) == toset(["WriteTraces"])
    error_message = "A resource is a wildcard, other than for X-Ray, which has none to name."
  }
  assert {
    condition = toset(flatten([for statement in jsondecode(aws_iam_role_policy.stage["query"].policy).Statement : [
      for action in flatten([statement.Action]) : "${action} ${join(" ", [for resource in flatten([statement.Resource]) : trimprefix(resource, "arn:aws:s3:::mock/")])}" if can(regex("^(s3:(Put|Delete|Restore)|glue:(Create|Update|Delete|Batch|Put))", action))
    ]])) == toset(["s3:PutObject query-results/*"])
    error_message = "The query role can write a table or data."
  }
  assert {
    condition = toset(flatten([for statement in jsondecode(aws_iam_role_policy.stage["conversion"].policy).Statement : [
      for action in flatten([statement.Action]) : action if can(regex("^(s3:Delete|glue:(Create|Update|Delete|Batch|Put)|athena:)", action))
    ]])) == toset([])
    error_message = "The conversion role can remove data or change tables."
  }

  assert {
    condition     = alltrue([for method in aws_api_gateway_method.route : method.authorization == "AWS_IAM"])
    error_message = "A route can be called without a signature."
  }
  assert {
    condition     = length(regexall("path}|\\$context.path|querystring|requestOverride|protocol", aws_api_gateway_stage.query.access_log_settings[0].format)) == 0
    error_message = "The access log keeps a path or a query string, which may hold an identifier."
  }
  assert {
    condition     = !one(aws_api_gateway_method_settings.all.settings).data_trace_enabled && one(aws_api_gateway_method_settings.all.settings).throttling_rate_limit == 20
    error_message = "The gateway logs bodies, or does not throttle."
  }
  assert {
    condition = alltrue([for type, response in aws_api_gateway_gateway_response.problem :
      response.response_parameters["gatewayresponse.header.Content-Type"] == "'application/problem+json'" && tostring(jsondecode(response.response_templates["application/json"]).status) == response.status_code
    ])
    error_message = "An error of the gateway is not a problem (RFC 9457)."
  }

  assert {
    condition     = alltrue([for mapping in aws_lambda_event_source_mapping.stage : mapping.function_response_types == toset(["ReportBatchItemFailures"]) && mapping.maximum_batching_window_in_seconds > 0])
    error_message = "One message that fails would bring back its whole batch."
  }
  assert {
    condition     = alltrue([for stage, queue in aws_sqs_queue.stage : jsondecode(queue.redrive_policy).maxReceiveCount == 5 && queue.visibility_timeout_seconds >= 6 * aws_lambda_function.stage[stage].timeout])
    error_message = "A message is given out while a function still works on it, or is tried without end."
  }
  assert {
    condition     = alltrue([for stage, mapping in aws_lambda_event_source_mapping.stage : one(mapping.scaling_config).maximum_concurrency <= aws_lambda_function.stage[stage].reserved_concurrent_executions])
    error_message = "A queue is read by more functions at once than there may be."
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.objects["conversion"].event_pattern).detail.object.key == [{ prefix = "input/" }] && jsondecode(aws_cloudwatch_event_rule.objects["catalog"].event_pattern).detail.object.key == [{ wildcard = "record_folders/*/manifest.json" }]
    error_message = "A stage is told of other objects than its own, or of what it writes itself."
  }
}

run "another_project" {
  command = plan

  variables {
    project_name         = "registry"
    environment          = "staging"
    lambda_image_tag     = "v1.2.0"
    lambda_image_digests = { query = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" }
    function_overrides = {
      conversion = { memory_size = 2048, ephemeral_storage_mb = 10240, timeout = 900 }
      query      = { reserved_concurrency = -1 }
    }
    cognito_user_pool_arns = ["arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_abc"]
  }

  assert {
    condition     = alltrue([for method in aws_api_gateway_method.route : method.authorization == "COGNITO_USER_POOLS"])
    error_message = "A route takes something else than a token."
  }

  assert {
    condition     = [aws_lambda_function.stage["conversion"].function_name, aws_ecr_repository.glue_catalog_lambda.name, aws_api_gateway_stage.query.stage_name] == ["registry-conversion", "registry-glue_catalog-lambda", "staging"]
    error_message = "The names do not begin with project_name."
  }
  assert {
    condition     = [for stage in ["conversion", "catalog"] : [aws_lambda_function.stage[stage].memory_size, aws_lambda_function.stage[stage].timeout]] == [[2048, 900], [512, 300]]
    error_message = "An override changes nothing, or more than its own function."
  }
  assert {
    condition     = aws_lambda_function.stage["conversion"].ephemeral_storage[0].size == 10240 && aws_lambda_function.stage["query"].reserved_concurrent_executions == -1
    error_message = "An override of storage or concurrency changes nothing."
  }
  assert {
    condition     = aws_sqs_queue.stage["conversion"].visibility_timeout_seconds == 5400
    error_message = "A message must be hidden for six times as long as its function may run."
  }
  assert {
    condition     = aws_ecr_repository.query_lambda.image_tag_mutability == "IMMUTABLE"
    error_message = "A tag other than latest is one image for good."
  }
  assert {
    condition     = toset(keys(data.aws_ecr_image.stage)) == toset(["catalog", "conversion"])
    error_message = "A digest that is given must not be looked up."
  }
}

run "declarations" {
  command = plan

  variables {
    datasets_file = "tests/terraform/datasets.yaml"
  }

  assert {
    condition     = aws_lambda_function.stage["conversion"].environment[0].variables.DATASETS_KEY == aws_s3_object.datasets["datasets"].key
    error_message = "The conversion function reads other declarations."
  }
  assert {
    condition     = strcontains(aws_s3_object.datasets["datasets"].key, substr(filesha256(var.datasets_file), 0, 12))
    error_message = "A function that runs does not notice that other things are declared."
  }
}
