# Only queries run on Athena; tables are kept by the catalog function: docs/decisions/0005-upkeep-of-tables-on-aws.md.
locals {
  workgroups = {
    query = {
      name        = local.name_prefix
      description = "Queries over HTTP"
      results     = local.prefixes.results
      scan_limit  = var.query_scan_limit_bytes
    }
  }
}

resource "aws_athena_workgroup" "data" {
  for_each = local.workgroups

  name        = each.value.name
  description = each.value.description
  # Its history goes with it; results are in the bucket and stay.
  force_destroy = true

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = each.value.scan_limit

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }
    result_configuration {
      output_location       = "s3://${aws_s3_bucket.data.id}/${each.value.results}"
      expected_bucket_owner = local.account_id

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = aws_kms_key.data.arn
      }
    }
  }
}
