# The roles with which CI plans and applies, taken by OpenID Connect: no key is stored anywhere. Applied once by a
# person, and again when the repository or its environments change.

provider "aws" {
  region = var.aws_region

  skip_credentials_validation = var.local_emulator
  skip_metadata_api_check     = var.local_emulator
  max_retries                 = var.local_emulator ? 2 : 25

  default_tags {
    tags = {
      Project   = var.project_name
      ManagedBy = "terraform"
      Folder    = "bootstrap"
    }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  partition  = data.aws_partition.current.partition
  account_id = data.aws_caller_identity.current.account_id

  github_url    = "token.actions.githubusercontent.com"
  bitbucket_url = var.bitbucket == null ? "" : "api.bitbucket.org/2.0/workspaces/${var.bitbucket.workspace}/pipelines-config/identity/oidc"

  # Who may take which role. A pull request's code can change what a workflow does, so it may only plan.
  issuers = merge(
    var.github == null ? {} : { github = {
      url      = local.github_url
      audience = "sts.amazonaws.com"
      existing = var.github.provider_arn
      subjects = {
        plan  = ["repo:${var.github.repository}:pull_request"]
        apply = [for name in var.github.apply_environments : "repo:${var.github.repository}:environment:${name}"]
      }
    } },
    var.bitbucket == null ? {} : { bitbucket = {
      url      = local.bitbucket_url
      audience = "ari:cloud:bitbucket::workspace/${var.bitbucket.workspace_uuid}"
      existing = var.bitbucket.provider_arn
      # Bitbucket's subject is {repository}:{environment}:{step}, or {repository}:{step} outside of an environment.
      subjects = {
        plan  = ["{${var.bitbucket.repository_uuid}}:*"]
        apply = [for uuid in var.bitbucket.environment_uuids : "{${var.bitbucket.repository_uuid}}:{${uuid}}:*"]
      }
    } },
  )

  provider_arns = {
    for name, issuer in local.issuers : name => coalesce(issuer.existing, one([for key, provider in aws_iam_openid_connect_provider.ci : provider.arn if key == name]))
  }
  roles = ["plan", "apply"]
}

# An account has one provider an issuer; where it is there already, its ARN is given instead.
resource "aws_iam_openid_connect_provider" "ci" {
  for_each = { for name, issuer in local.issuers : name => issuer if issuer.existing == null }

  url            = "https://${each.value.url}"
  client_id_list = [each.value.audience]
}

data "aws_iam_policy_document" "trust" {
  for_each = toset(local.roles)

  dynamic "statement" {
    for_each = local.issuers

    content {
      sid     = title(statement.key)
      effect  = "Allow"
      actions = ["sts:AssumeRoleWithWebIdentity"]

      principals {
        type        = "Federated"
        identifiers = [local.provider_arns[statement.key]]
      }
      condition {
        test     = "StringEquals"
        variable = "${statement.value.url}:aud"
        values   = [statement.value.audience]
      }
      # GitHub's subjects are whole, Bitbucket's end with the step, which is another one in every run.
      condition {
        test     = statement.key == "github" ? "StringEquals" : "StringLike"
        variable = "${statement.value.url}:sub"
        values   = statement.value.subjects[each.value]
      }
    }
  }
}

resource "aws_iam_role" "ci" {
  for_each = toset(local.roles)

  name                 = "${var.project_name}-ci-${each.value}"
  description          = "CI ${each.value == "plan" ? "plans, and reads no data" : "applies what was reviewed"}"
  max_session_duration = 3600
  assume_role_policy   = data.aws_iam_policy_document.trust[each.value].json
}

resource "aws_iam_role_policy_attachment" "plan_reads_settings" {
  role       = aws_iam_role.ci["plan"].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_role_policy" "plan_reads_no_data" {
  name   = "reads-no-data"
  role   = aws_iam_role.ci["plan"].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.plan_denials })
}

resource "aws_iam_policy" "apply" {
  for_each = local.apply_statements

  name        = "${var.project_name}-ci-apply-${each.key}"
  description = "What applying the root module needs: ${each.key}"
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

resource "aws_iam_role_policy_attachment" "apply" {
  for_each = local.apply_statements

  role       = aws_iam_role.ci["apply"].name
  policy_arn = aws_iam_policy.apply[each.key].arn
}

# The most that a role of the pipeline may ever do, whatever a change of Terraform gives it: the apply role can make
# roles, but none that can do more than this.
resource "aws_iam_policy" "boundary" {
  name        = "${var.project_name}-boundary"
  description = "The most that a function of ${var.project_name} may do"
  policy      = jsonencode({ Version = "2012-10-17", Statement = local.boundary_statements })
}
