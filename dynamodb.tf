# The ledger: one item a load, and one item a source that names its newest load. docs/aws.md has the attributes.
resource "aws_dynamodb_table" "ledger" {
  name         = "${local.name_prefix}-ledger"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"

  attribute {
    name = "pk"
    type = "S"
  }
  dynamic "attribute" {
    for_each = toset(concat(values(local.ledger_indexes), ["arrival"]))

    content {
      name = attribute.value
      type = "S"
    }
  }
  dynamic "global_secondary_index" {
    for_each = local.ledger_indexes

    content {
      name            = global_secondary_index.key
      hash_key        = global_secondary_index.value
      range_key       = "arrival"
      projection_type = "ALL"
    }
  }

  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.data.arn
  }
}

locals {
  # The index, and what it gathers loads by; within that they are in the order they arrived.
  ledger_indexes = {
    by_kind  = "kind"
    by_table = "table_name"
    by_state = "state"
  }
}

# Who asked which query, for as long as its result lives.
resource "aws_dynamodb_table" "queries" {
  name         = "${local.name_prefix}-queries"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"

  attribute {
    name = "pk"
    type = "S"
  }
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.data.arn
  }
}
