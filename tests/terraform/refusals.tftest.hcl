# What is mistyped is refused with a reason before anything is asked of AWS.

mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

run "every_variable_that_is_mistyped_is_named" {
  command = plan

  variables {
    s3_bucket_name          = "hospital.data"
    aws_region              = "Frankfurt"
    environment             = "Production!"
    project_name            = "Hospital_Data"
    glue_database_name      = "medical-data"
    glue_table_name         = "medical-records"
    lambda_image_tag        = "a tag"
    lambda_image_digests    = { query = "latest" }
    lambda_architecture     = "x86"
    lambda_memory_size      = 128
    lambda_timeout          = 901
    function_overrides      = { glue_catalog = { memory_size = 1024 } }
    log_level               = "LOUD"
    datasets_file           = "no-such-file.yaml"
    access_log_bucket       = "Logs"
    large_file_bytes        = 10
    spark_wheel             = "dist/nobody_made_it.whl"
    spark_workers           = 1
    query_result_days       = 0
    noncurrent_version_days = 1.5
    query_scan_limit_bytes  = 1000
    reconcile_schedule      = "rate(15 minute)"
    reconcile_after_minutes = 0
    maintenance_schedule    = "cron(0 2 * * *)"
    api_throttle_rate       = 0
    api_throttle_burst      = 0
    cognito_user_pool_arns  = ["eu-central-1_abc"]
    log_retention_days      = 100
    alarm_emails            = ["nobody"]
    monthly_budget_usd      = -1
    permissions_boundary    = "arn:aws:s3:::bucket"
  }

  expect_failures = [
    var.s3_bucket_name,
    var.aws_region,
    var.environment,
    var.project_name,
    var.glue_database_name,
    var.glue_table_name,
    var.lambda_image_tag,
    var.lambda_image_digests,
    var.lambda_architecture,
    var.lambda_memory_size,
    var.lambda_timeout,
    var.function_overrides,
    var.log_level,
    var.datasets_file,
    var.access_log_bucket,
    var.large_file_bytes,
    var.spark_wheel,
    var.spark_workers,
    var.query_result_days,
    var.noncurrent_version_days,
    var.query_scan_limit_bytes,
    var.reconcile_schedule,
    var.reconcile_after_minutes,
    var.maintenance_schedule,
    var.api_throttle_rate,
    var.api_throttle_burst,
    var.cognito_user_pool_arns,
    var.log_retention_days,
    var.alarm_emails,
    var.monthly_budget_usd,
    var.permissions_boundary,
  ]
}

run "an_override_out_of_bounds" {
  command = plan

  variables {
    s3_bucket_name     = "refusals-of-a-test"
    function_overrides = { catalog = { timeout = 1 } }
  }

  expect_failures = [var.function_overrides]
}
