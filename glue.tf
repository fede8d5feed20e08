# The catalog stage makes the tables in it, since a table is what somebody uploads.
resource "aws_glue_catalog_database" "data" {
  name         = var.glue_database_name
  description  = "Tables of ${local.name_prefix}, made from the files under ${local.prefixes.raw}"
  location_uri = "s3://${aws_s3_bucket.data.id}/${local.prefixes.tables}"
}

locals {
  glue_arn = "arn:${local.partition}:glue:${var.aws_region}:${local.account_id}"
  table_arns = [
    "${local.glue_arn}:catalog",
    "${local.glue_arn}:database/${aws_glue_catalog_database.data.name}",
    "${local.glue_arn}:table/${aws_glue_catalog_database.data.name}/*",
  ]
}
