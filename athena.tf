# Only queries run on Athena; tables are kept by the catalog function: docs/decisions/0005-upkeep-of-tables-on-aws.md.
resource "aws_athena_workgroup" "query" {
  name        = local.name_prefix
  description = "Queries over HTTP"
  # Its history goes with it; results are in the bucket and stay.
  force_destroy = true

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.query_scan_limit_bytes

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }
    result_configuration {
      output_location       = "s3://${aws_s3_bucket.data.id}/${local.prefixes.results}"
      expected_bucket_owner = local.account_id

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = aws_kms_key.data.arn
      }
    }
  }
}
