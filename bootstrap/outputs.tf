output "plan_role_arn" {
  description = "The variable AWS_PLAN_ROLE_ARN of GitHub or Bitbucket."
  value       = aws_iam_role.ci["plan"].arn
}

output "apply_role_arn" {
  description = "The variable AWS_APPLY_ROLE_ARN of GitHub or Bitbucket."
  value       = aws_iam_role.ci["apply"].arn
}

output "permissions_boundary" {
  description = "The variable permissions_boundary of the root module; with the apply role it has to be set."
  value       = aws_iam_policy.boundary.arn
}
