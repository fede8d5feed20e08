# Three names rather than one with a key: they are what users type after -target.

resource "aws_ecr_repository" "conversion_lambda" {
  # checkov:skip=CKV_AWS_51:Tags are immutable unless the user works with latest; functions are pinned by digest either way
  name                 = "${local.name_prefix}-conversion-lambda"
  image_tag_mutability = local.image_tag_mutability
  force_delete         = true

  image_scanning_configuration {
    scan_on_push = true
  }
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.data.arn
  }
}

resource "aws_ecr_repository" "glue_catalog_lambda" {
  # checkov:skip=CKV_AWS_51:Tags are immutable unless the user works with latest; functions are pinned by digest either way
  name                 = "${local.name_prefix}-glue_catalog-lambda"
  image_tag_mutability = local.image_tag_mutability
  force_delete         = true

  image_scanning_configuration {
    scan_on_push = true
  }
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.data.arn
  }
}

resource "aws_ecr_repository" "query_lambda" {
  # checkov:skip=CKV_AWS_51:Tags are immutable unless the user works with latest; functions are pinned by digest either way
  name                 = "${local.name_prefix}-query-lambda"
  image_tag_mutability = local.image_tag_mutability
  force_delete         = true

  image_scanning_configuration {
    scan_on_push = true
  }
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.data.arn
  }
}

locals {
  # Who works with `latest` pushes it again and again; any other tag means one image for good.
  image_tag_mutability = var.lambda_image_tag == "latest" ? "MUTABLE" : "IMMUTABLE"

  repositories = {
    conversion = aws_ecr_repository.conversion_lambda
    catalog    = aws_ecr_repository.glue_catalog_lambda
    query      = aws_ecr_repository.query_lambda
  }
}

resource "aws_ecr_lifecycle_policy" "stage" {
  for_each = local.stages

  repository = local.repositories[each.key].name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "The newest images that lost their tag, so that a former digest can be deployed again"
        selection    = { tagStatus = "untagged", countType = "imageCountMoreThan", countNumber = 20 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "The newest images"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 50 }
        action       = { type = "expire" }
      },
    ]
  })
}

# Lambda adds such a policy by itself if it is missing, which would show as a difference in the next plan.
resource "aws_ecr_repository_policy" "stage" {
  for_each = local.stages

  repository = local.repositories[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "LambdaPulls"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      Condition = { ArnEquals = { "aws:SourceArn" = "arn:${local.partition}:lambda:${var.aws_region}:${local.account_id}:function:${each.value.name}" } }
    }]
  })
}

# What the tag points to now. Pushing the tag again changes nothing until Terraform plans again.
data "aws_ecr_image" "stage" {
  for_each = { for stage, names in local.stages : stage => names if !contains(keys(var.lambda_image_digests), stage) }

  repository_name = local.repositories[each.key].name
  image_tag       = var.lambda_image_tag
}

locals {
  image_uris = {
    for stage in keys(local.stages) : stage =>
    "${local.repositories[stage].repository_url}@${contains(keys(var.lambda_image_digests), stage) ? var.lambda_image_digests[stage] : data.aws_ecr_image.stage[stage].image_digest}"
  }
}
