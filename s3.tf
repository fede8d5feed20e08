resource "aws_s3_bucket" "data" {
  # checkov:skip=CKV_AWS_144:Copies in another region are a matter of residency and cost that the user decides
  bucket        = var.s3_bucket_name
  force_destroy = var.force_destroy

  # Where data keeps the bucket from being destroyed, the key that opens it stays as well, and so do the images,
  # without which nothing can be planned.
  depends_on = [
    aws_kms_key.data,
    aws_ecr_repository.conversion_lambda,
    aws_ecr_repository.glue_catalog_lambda,
    aws_ecr_repository.query_lambda,
  ]
}

resource "aws_s3_bucket_versioning" "data" {
  bucket = aws_s3_bucket.data.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "data" {
  bucket = aws_s3_bucket.data.id

  rule {
    # Without it every object costs a call of KMS.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.data.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "data" {
  bucket = aws_s3_bucket.data.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "data" {
  bucket = aws_s3_bucket.data.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "data" {
  bucket = aws_s3_bucket.data.id
  # Rules about versions need versions.
  depends_on = [aws_s3_bucket_versioning.data]

  rule {
    id     = "unfinished-uploads-and-former-versions"
    status = "Enabled"

    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_version_days
    }
    expiration {
      expired_object_delete_marker = true
    }
  }

  rule {
    id     = "query-results-expire"
    status = "Enabled"

    filter {
      prefix = local.prefixes.results
    }
    expiration {
      days = var.query_result_days
    }
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }
}

resource "aws_s3_bucket_policy" "data" {
  bucket = aws_s3_bucket.data.id
  # A policy is refused while the block of public policies is still being set.
  depends_on = [aws_s3_bucket_public_access_block.data]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.data.arn, "${aws_s3_bucket.data.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "ModernTlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.data.arn, "${aws_s3_bucket.data.arn}/*"]
        Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
      },
      {
        # Who names no encryption gets the bucket's own, which is this key.
        Sid       = "NoOtherEncryption"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${aws_s3_bucket.data.arn}/*"
        Condition = {
          Null            = { "s3:x-amz-server-side-encryption" = "false" }
          StringNotEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
        }
      },
      {
        Sid       = "NoOtherKey"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${aws_s3_bucket.data.arn}/*"
        Condition = {
          Null         = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "false" }
          ArnNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = aws_kms_key.data.arn }
        }
      },
    ]
  })
}

# Events go to EventBridge rather than to a queue of ours: a bucket has one list of notifications, and whoever
# sets it removes what another team put there.
resource "aws_s3_bucket_notification" "data" {
  bucket      = aws_s3_bucket.data.id
  eventbridge = true
}

resource "aws_s3_bucket_logging" "data" {
  for_each = toset(var.access_log_bucket == "" ? [] : [var.access_log_bucket])

  bucket        = aws_s3_bucket.data.id
  target_bucket = each.value
  target_prefix = "${local.name_prefix}/"
}

resource "aws_s3_object" "datasets" {
  for_each = toset(var.datasets_file == "" ? [] : ["datasets"])

  # A function that is running reads it once. Other content has another name, which is another setting, and that
  # makes Lambda begin anew.
  bucket      = aws_s3_bucket.data.id
  key         = "${local.prefixes.config}datasets-${substr(filesha256(var.datasets_file), 0, 12)}.yaml"
  source      = var.datasets_file
  source_hash = filemd5(var.datasets_file)
  kms_key_id  = aws_kms_key.data.arn

  depends_on = [aws_s3_bucket_server_side_encryption_configuration.data]

  lifecycle {
    create_before_destroy = true
  }
}
