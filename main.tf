provider "aws" {
  region = var.aws_region

  # An emulator on one address has no name for each bucket and no metadata service.
  s3_use_path_style           = var.local_emulator
  skip_credentials_validation = var.local_emulator
  skip_metadata_api_check     = var.local_emulator
  # With the provider's own 25, an action that an emulator does not know is tried for minutes.
  max_retries = var.local_emulator ? 2 : 25

  default_tags {
    tags = merge(
      {
        Project     = var.project_name
        Environment = var.environment
        ManagedBy   = "terraform"
      },
      var.tags,
    )
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  name_prefix = var.project_name
  partition   = data.aws_partition.current.partition
  account_id  = data.aws_caller_identity.current.account_id

  permissions_boundary = var.permissions_boundary == "" ? null : var.permissions_boundary

  # The stages. `folder` is where the image is built from, `name` what AWS shows.
  stages = {
    conversion = { folder = "conversion", name = "${local.name_prefix}-conversion" }
    catalog    = { folder = "glue_catalog", name = "${local.name_prefix}-glue-catalog" }
    query      = { folder = "query", name = "${local.name_prefix}-query" }
  }

  # Where things lie in the bucket; src/medical_data_pipeline/model/keys.py has the same names.
  prefixes = {
    raw     = "input/"
    curated = "record_folders/"
    tables  = "tables/"
    results = "query-results/"
    config  = "config/"
    code    = "code/"
  }
}
