# One key for everything that holds data, so that who may read it is said in one place.
resource "aws_kms_key" "data" {
  description             = "${local.name_prefix}: everything that may hold patient data"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = local.key_policy
}

resource "aws_kms_alias" "data" {
  name          = "alias/${local.name_prefix}"
  target_key_id = aws_kms_key.data.key_id
}

locals {
  # In a key's policy the resource "*" is that key.
  key_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Without it a key can lock out everybody, its owner included.
        Sid       = "OwnerDecidesByIam"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "LogGroupsOfThisProject"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.aws_region}.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = local.log_group_arns } }
      },
      {
        Sid       = "EventsIntoQueues"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
      },
      {
        Sid       = "AlarmsIntoTopic"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
      },
    ]
  })

  log_group_arns = [
    for group in ["/aws/lambda/${local.name_prefix}-*", "/aws/apigateway/${local.name_prefix}", "/aws/glue/${local.name_prefix}*", "API-Gateway-Execution-Logs_*"] :
    "arn:${local.partition}:logs:${var.aws_region}:${local.account_id}:log-group:${group}"
  ]
}
