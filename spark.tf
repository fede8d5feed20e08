# Files too large for a function. Made only where spark_wheel names this project's wheel, since a plan has no way
# to build one.
locals {
  spark      = toset(var.spark_wheel == "" ? [] : ["large-files"])
  spark_name = "${local.name_prefix}-large-files"
  spark_code = {
    for name, path in {
      job          = "jobs/spark_conversion/job.py"
      requirements = "functions/conversion/requirements.txt"
      wheel        = var.spark_wheel
    } : name => path if length(local.spark) > 0
  }
}

resource "aws_s3_object" "spark_code" {
  for_each = local.spark_code

  bucket      = aws_s3_bucket.data.id
  key         = "${local.prefixes.code}${basename(each.value)}"
  source      = startswith(each.value, "/") ? each.value : "${path.root}/${each.value}"
  source_hash = filemd5(startswith(each.value, "/") ? each.value : "${path.root}/${each.value}")
  kms_key_id  = aws_kms_key.data.arn

  depends_on = [aws_s3_bucket_server_side_encryption_configuration.data]
}

resource "aws_glue_job" "large_files" {
  for_each = local.spark

  name                   = local.spark_name
  description            = "Converts raw files of more than ${var.large_file_bytes} bytes"
  role_arn               = aws_iam_role.spark[each.key].arn
  glue_version           = "5.0"
  worker_type            = "G.1X"
  number_of_workers      = var.spark_workers
  timeout                = 480
  max_retries            = 1
  security_configuration = aws_glue_security_configuration.spark[each.key].name

  command {
    name            = "glueetl"
    python_version  = "3"
    script_location = "s3://${aws_s3_bucket.data.id}/${aws_s3_object.spark_code["job"].key}"
  }
  execution_property {
    max_concurrent_runs = 5
  }
  # An argument without a value is one that is not given, as with the settings of a function.
  default_arguments = { for name, value in {
    "--extra-py-files"                   = "s3://${aws_s3_bucket.data.id}/${aws_s3_object.spark_code["wheel"].key}"
    "--additional-python-modules"        = "s3://${aws_s3_bucket.data.id}/${aws_s3_object.spark_code["requirements"].key}"
    "--python-modules-installer-option"  = "-r"
    "--enable-metrics"                   = "true"
    "--enable-continuous-cloudwatch-log" = "true"
    "--continuous-log-logGroup"          = aws_cloudwatch_log_group.spark[each.key].name
    "--BUCKET"                           = aws_s3_bucket.data.id
    "--LEDGER_TABLE"                     = aws_dynamodb_table.ledger.name
    "--GLUE_DATABASE"                    = aws_glue_catalog_database.data.name
    "--DEFAULT_TABLE"                    = var.glue_table_name
    "--DATASETS_KEY"                     = local.datasets_key
  } : name => value if value != null }
}

resource "aws_glue_security_configuration" "spark" {
  for_each = local.spark

  name = local.spark_name

  encryption_configuration {
    cloudwatch_encryption {
      cloudwatch_encryption_mode = "SSE-KMS"
      kms_key_arn                = aws_kms_key.data.arn
    }
    job_bookmarks_encryption {
      job_bookmarks_encryption_mode = "CSE-KMS"
      kms_key_arn                   = aws_kms_key.data.arn
    }
    s3_encryption {
      s3_encryption_mode = "SSE-KMS"
      kms_key_arn        = aws_kms_key.data.arn
    }
  }
}

resource "aws_cloudwatch_log_group" "spark" {
  for_each = local.spark

  name              = "/aws/glue/${local.spark_name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.data.arn
}

resource "aws_iam_role" "spark" {
  for_each = local.spark

  name                 = local.spark_name
  description          = "The Spark job of ${local.name_prefix}"
  assume_role_policy   = local.trust["glue.amazonaws.com"]
  permissions_boundary = local.permissions_boundary
}

# What the conversion function may do with data, and no queue.
resource "aws_iam_role_policy" "spark" {
  for_each = local.spark

  name = "spark"
  role = aws_iam_role.spark[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:AssociateKmsKey"]
        Resource = "${aws_cloudwatch_log_group.spark[each.key].arn}:*"
      },
      {
        # Metrics have no resources that could be named; the namespace can.
        Sid       = "WriteMetrics"
        Effect    = "Allow"
        Action    = "cloudwatch:PutMetricData"
        Resource  = "*"
        Condition = { StringEquals = { "cloudwatch:namespace" = "Glue" } }
      },
      local.use_key["s3"],
      local.use_key["dynamodb"],
      {
        # The logs' key, which the security configuration names.
        Sid       = "EncryptLog"
        Effect    = "Allow"
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = aws_kms_key.data.arn
        Condition = { StringEquals = { "kms:ViaService" = "glue.${var.aws_region}.amazonaws.com" } }
      },
      local.list_bucket,
      {
        Sid      = "ReadRawFilesAndCode"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = [local.objects.raw, local.objects.curated, local.objects.tables, local.objects.config, local.objects.code]
      },
      {
        Sid      = "WriteConvertedFiles"
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:AbortMultipartUpload"]
        Resource = local.objects.curated
      },
      local.read_tables,
      local.write_ledger,
    ]
  })
}
